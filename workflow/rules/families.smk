# Needs a view's samples, the splits and the manifest. Makes, for each model and repeat, the trained model, its
# predictions and the record of the run. Principal components are fitted once for all models of a view. A variant is the
# same on splits derived from the dataset's own.


rule fit_pca:
    input:
        samples=f"{RESULTS}/views/{{view}}.parquet",
        splits=f"{VARIANT}/splits.parquet",
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        scores=f"{VARIANT}/pca/{{view}}/{{repeat}}/features.parquet",
        components=f"{VARIANT}/pca/{{view}}/{{repeat}}/pca.safetensors",
    log:
        "logs/fit_pca/{dataset}{variant}/{view}/{repeat}.log",
    benchmark:
        "benchmarks/fit_pca/{dataset}{variant}/{view}/{repeat}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    threads: threads_by_size(40)
    resources:
        mem_mb=memory(1000, 4),
        runtime=minutes(15, 60),
    params:
        components=largest_components,
        folder=lambda wildcards, output: Path(output.scores).parent,
        code=code_version("gradewise.families.fit_pca"),
    shell:
        "python -m gradewise.families.fit_pca"
        " --samples {input.samples}"
        " --splits {input.splits}"
        " --manifest {input.manifest}"
        " --repeat {wildcards.repeat}"
        " --components {params.components}"
        " --threads {threads}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule train_pca_svm:
    input:
        samples=samples_of,
        features=scores_of,
        pca=components_of,
        splits=f"{VARIANT}/splits.parquet",
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        model=f"{RUN}/svm.skops",
        pca=f"{RUN}/pca.safetensors",
        description=f"{RUN}/model.json",
        predictions=f"{RUN}/predictions.parquet",
        run=f"{RUN}/run.json",
    log:
        "logs/train_pca_svm/{dataset}{variant}/{model}/{repeat}.log",
    benchmark:
        "benchmarks/train_pca_svm/{dataset}{variant}/{model}/{repeat}.jsonl"
    wildcard_constraints:
        model=any_of(models_of("pca_svm")),
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1200, 2),
        runtime=minutes(20, 240),
    params:
        view=view_of,
        classes=classes_of,
        candidates=candidates_of,
        folder=lambda wildcards, output: Path(output.run).parent,
        seed=CONFIG.seed,
        code=code_version("gradewise.families.pca_svm.train_pca_svm"),
    shell:
        "python -m gradewise.families.pca_svm.train_pca_svm"
        " --samples {input.samples}"
        " --features {input.features}"
        " --pca {input.pca}"
        " --splits {input.splits}"
        " --manifest {input.manifest}"
        " --repeat {wildcards.repeat}"
        " --dataset {wildcards.dataset}"
        " --model {wildcards.model}"
        " --view {params.view}"
        " --classes {params.classes:q}"
        " --candidates {params.candidates:q}"
        " --seed {params.seed}"
        " --threads {threads}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule train_forest:
    input:
        samples=samples_of,
        splits=f"{VARIANT}/splits.parquet",
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        model=f"{RUN}/forest.skops",
        description=f"{RUN}/model.json",
        predictions=f"{RUN}/predictions.parquet",
        run=f"{RUN}/run.json",
    log:
        "logs/train_forest/{dataset}{variant}/{model}/{repeat}.log",
    benchmark:
        "benchmarks/train_forest/{dataset}{variant}/{model}/{repeat}.jsonl"
    wildcard_constraints:
        model=any_of(models_of("forest")),
    conda:
        "../../envs/gradewise.yaml"
    threads: threads_by_size(10)
    resources:
        mem_mb=forest_memory,
        runtime=minutes(20, 240),
    params:
        view=view_of,
        classes=classes_of,
        candidates=candidates_of,
        folder=lambda wildcards, output: Path(output.run).parent,
        seed=CONFIG.seed,
        code=code_version("gradewise.families.forest.train_forest"),
    shell:
        "python -m gradewise.families.forest.train_forest"
        " --samples {input.samples}"
        " --splits {input.splits}"
        " --manifest {input.manifest}"
        " --repeat {wildcards.repeat}"
        " --dataset {wildcards.dataset}"
        " --model {wildcards.model}"
        " --view {params.view}"
        " --classes {params.classes:q}"
        " --candidates {params.candidates:q}"
        " --seed {params.seed}"
        " --threads {threads}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule train_cnn:
    input:
        samples=samples_of,
        splits=f"{VARIANT}/splits.parquet",
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        model=f"{RUN}/model.safetensors",
        description=f"{RUN}/model.json",
        predictions=f"{RUN}/predictions.parquet",
        run=f"{RUN}/run.json",
    log:
        "logs/train_cnn/{dataset}{variant}/{model}/{repeat}.log",
    benchmark:
        "benchmarks/train_cnn/{dataset}{variant}/{model}/{repeat}.jsonl"
    wildcard_constraints:
        model=any_of(models_of("cnn")),
    conda:
        "../../envs/gradewise-gpu.yaml"
    threads: threads_by_size(10)
    resources:
        mem_mb=memory(1800, 2),
        runtime=minutes(30, 600),
        gpu=one_gpu,
    params:
        view=view_of,
        classes=classes_of,
        candidates=candidates_of,
        folder=lambda wildcards, output: Path(output.run).parent,
        seed=CONFIG.seed,
        code=code_version("gradewise.families.cnn.train_cnn"),
    shell:
        "python -m gradewise.families.cnn.train_cnn"
        " --samples {input.samples}"
        " --splits {input.splits}"
        " --manifest {input.manifest}"
        " --repeat {wildcards.repeat}"
        " --dataset {wildcards.dataset}"
        " --model {wildcards.model}"
        " --view {params.view}"
        " --classes {params.classes:q}"
        " --candidates {params.candidates:q}"
        " --seed {params.seed}"
        " --threads {threads}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"
