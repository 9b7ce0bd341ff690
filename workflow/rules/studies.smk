# Needs a dataset's samples, splits, principal components and runs. Makes, for each study, the tables and pictures that
# a published table or figure showed. Networks of a study are trained by the rule of networks; the combinations of a
# classical model are one job a repeat.


rule vary_pca_svm:
    input:
        samples=samples_of_cells,
        features=of_cell_views("features.parquet"),
        pca=of_cell_views("pca.safetensors"),
        splits=f"{RESULTS}/splits.parquet",
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        answers=f"{STUDY}/{{repeat}}/answers.parquet",
        measures=f"{STUDY}/{{repeat}}/measures.parquet",
    log:
        "logs/vary_pca_svm/{dataset}/{study}/{repeat}.log",
    benchmark:
        "benchmarks/vary_pca_svm/{dataset}/{study}/{repeat}.jsonl"
    wildcard_constraints:
        study=any_of(studies_varying("pca_svm")),
    conda:
        "../../envs/gradewise.yaml"
    threads: threads_by_size(20)
    resources:
        mem_mb=memory(2500, 4),
        runtime=minutes(30, 600),
    params:
        cells=cells_of,
        samples=lambda wildcards, input: to_json(list(input.samples)),
        features=lambda wildcards, input: to_json(list(input.features)),
        pca=lambda wildcards, input: to_json(list(input.pca)),
        classes=classes_of,
        folder=lambda wildcards, output: Path(output.answers).parent,
        code=code_version("gradewise.studies.vary_pca_svm"),
    shell:
        "python -m gradewise.studies.vary_pca_svm"
        " --cells {params.cells:q}"
        " --samples {params.samples:q}"
        " --features {params.features:q}"
        " --pca {params.pca:q}"
        " --splits {input.splits}"
        " --manifest {input.manifest}"
        " --repeat {wildcards.repeat}"
        " --classes {params.classes:q}"
        " --threads {threads}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule vary_forest:
    input:
        samples=samples_of_cells,
        splits=f"{RESULTS}/splits.parquet",
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        answers=f"{STUDY}/{{repeat}}/answers.parquet",
        measures=f"{STUDY}/{{repeat}}/measures.parquet",
        hits=f"{STUDY}/{{repeat}}/hits.parquet",
    log:
        "logs/vary_forest/{dataset}/{study}/{repeat}.log",
    benchmark:
        "benchmarks/vary_forest/{dataset}/{study}/{repeat}.jsonl"
    wildcard_constraints:
        study=any_of(studies_varying("forest")),
    conda:
        "../../envs/gradewise.yaml"
    threads: threads_by_size(5)
    resources:
        mem_mb=forest_memory,
        runtime=minutes(30, 600),
    params:
        cells=cells_of,
        samples=lambda wildcards, input: to_json(list(input.samples)),
        classes=classes_of,
        folder=lambda wildcards, output: Path(output.answers).parent,
        seed=CONFIG.seed,
        code=code_version("gradewise.studies.vary_forest"),
    shell:
        "python -m gradewise.studies.vary_forest"
        " --cells {params.cells:q}"
        " --samples {params.samples:q}"
        " --splits {input.splits}"
        " --manifest {input.manifest}"
        " --repeat {wildcards.repeat}"
        " --classes {params.classes:q}"
        " --dataset {wildcards.dataset}"
        " --study {wildcards.study}"
        " --seed {params.seed}"
        " --threads {threads}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule summarise:
    input:
        unpack(results_of_cells),
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        cells=f"{STUDY}/cells.parquet",
        agreements=f"{STUDY}/agreements.parquet",
        curves=f"{STUDY}/curves.parquet",
    log:
        "logs/summarise/{dataset}/{study}.log",
    benchmark:
        "benchmarks/summarise/{dataset}/{study}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(800, 10),
        runtime=minutes(10, 30),
    params:
        cells=named_cells_of,
        results=flags_of_cells,
        classes=classes_of,
        best_of=lambda wildcards: to_json(CONFIG.studies[wildcards.study].best_of),
        positive=lambda wildcards: to_json(dataset_of(wildcards).positive),
        aggregate=lambda wildcards: to_json(dataset_of(wildcards).aggregate),
        folder=lambda wildcards, output: Path(output.cells).parent,
        code=code_version("gradewise.studies.summarise"),
    shell:
        "python -m gradewise.studies.summarise"
        " --cells {params.cells:q}"
        " {params.results:q}"
        " --classes {params.classes:q}"
        " --best_of {params.best_of:q}"
        " --manifest {input.manifest}"
        " --positive {params.positive:q}"
        " --aggregate {params.aggregate:q}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule feature_maps:
    input:
        model=run_shown("model.safetensors"),
        description=run_shown("model.json"),
        predictions=run_shown("predictions.parquet"),
        samples=samples_shown,
    output:
        maps=f"{STUDY}/maps.npz",
        shown=f"{STUDY}/maps.parquet",
    log:
        "logs/feature_maps/{dataset}/{study}.log",
    benchmark:
        "benchmarks/feature_maps/{dataset}/{study}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1500, 2),
        runtime=minutes(10, 10),
    params:
        model=lambda wildcards, input: Path(input.model).parent,
        layers=lambda wildcards: to_json(study_of(wildcards).layers),
        folder=lambda wildcards, output: Path(output.maps).parent,
        code=code_version("gradewise.studies.feature_maps"),
    shell:
        "python -m gradewise.studies.feature_maps"
        " --model {params.model}"
        " --samples {input.samples}"
        " --layers {params.layers:q}"
        " --threads {threads}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule explain:
    input:
        model=run_shown("model.safetensors"),
        description=run_shown("model.json"),
        predictions=run_shown("predictions.parquet"),
        samples=samples_shown,
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        maps=f"{STUDY}/explanations.npz",
        shown=f"{STUDY}/shown.parquet",
        explanations=f"{STUDY}/explanations.parquet",
        weight=f"{STUDY}/weight_on_regions.parquet",
    log:
        "logs/explain/{dataset}/{study}.log",
    benchmark:
        "benchmarks/explain/{dataset}/{study}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1500, 2),
        runtime=minutes(30, 10),
    params:
        model=lambda wildcards, input: Path(input.model).parent,
        methods=lambda wildcards: to_json(study_of(wildcards).methods),
        each=lambda wildcards: study_of(wildcards).each,
        objects=objects_of,
        folder=lambda wildcards, output: Path(output.maps).parent,
        seed=CONFIG.seed,
        code=code_version("gradewise.studies.explain"),
    shell:
        "python -m gradewise.studies.explain"
        " --model {params.model}"
        " --samples {input.samples}"
        " --manifest {input.manifest}"
        " --methods {params.methods:q}"
        " --each {params.each}"
        " --seed {params.seed}"
        " --threads {threads}"
        " --output {params.folder}"
        " {params.objects:q}"
        " 2>&1 | tee {log}"


rule embed:
    input:
        model=run_shown("svm.skops"),
        pca=run_shown("pca.safetensors"),
        description=run_shown("model.json"),
        predictions=run_shown("predictions.parquet"),
        features=features_shown,
    output:
        embedding=f"{STUDY}/embedding.parquet",
        separation=f"{STUDY}/separation.parquet",
    log:
        "logs/embed/{dataset}/{study}.log",
    benchmark:
        "benchmarks/embed/{dataset}/{study}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1500, 2),
        runtime=minutes(30, 0),
    params:
        model=lambda wildcards, input: Path(input.model).parent,
        dimensions=lambda wildcards: to_json(study_of(wildcards).dimensions),
        perplexity=lambda wildcards: study_of(wildcards).perplexity,
        folder=lambda wildcards, output: Path(output.embedding).parent,
        seed=CONFIG.seed,
        code=code_version("gradewise.studies.embed"),
    shell:
        "python -m gradewise.studies.embed"
        " --model {params.model}"
        " --features {input.features}"
        " --dimensions {params.dimensions:q}"
        " --perplexity {params.perplexity}"
        " --seed {params.seed}"
        " --threads {threads}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule scaling:
    input:
        runs=runs_of_all_sizes,
    output:
        growth=f"{STUDY}/growth.parquet",
        exponents=f"{STUDY}/exponents.parquet",
    log:
        "logs/scaling/{dataset}/{study}.log",
    benchmark:
        "benchmarks/scaling/{dataset}/{study}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(600, 1),
        runtime=minutes(5, 0),
    params:
        runs=lambda wildcards, input: to_json(list(input.runs)),
        folder=lambda wildcards, output: Path(output.growth).parent,
        code=code_version("gradewise.studies.scaling"),
    shell:
        "python -m gradewise.studies.scaling"
        " --runs {params.runs:q}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule study_page:
    input:
        unpack(PLAN.evidence_of),
        shown=shown_samples,
        results=study_results,
        models=model_files_shown,
        templates=TEMPLATES,
    output:
        page=report(
            "reports/{dataset}-studies.html",
            caption="../report/study_page.rst",
            category="{dataset}",
        ),
        assets=report(
            directory("reports/{dataset}-studies"),
            patterns=["{figure}.svg"],
            caption="../report/study_figure.rst",
            category="{dataset}",
            subcategory="studies",
            labels={"figure": "{figure}"},
        ),
        summary=f"{RESULTS}/studies/summary.json",
    log:
        "logs/study_page/{dataset}.log",
    benchmark:
        "benchmarks/study_page/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1500, 2),
        runtime=minutes(15, 30),
    params:
        results=PLAN.results_of,
        studies=lambda wildcards: to_json(CONFIG.studies_of(wildcards.dataset)),
        cells=all_cells_of,
        models=varied_models_of,
        scale=SCALE,
        folder=lambda wildcards, output: Path(output.summary).parent,
        seed=CONFIG.seed,
        code=code_version("gradewise.studies.study_page"),
    shell:
        "python -m gradewise.studies.study_page"
        " --results {params.results}"
        " --dataset {wildcards.dataset}"
        " --seed {params.seed}"
        " --studies {params.studies:q}"
        " --cells {params.cells:q}"
        " --models {params.models:q}"
        " --folder {params.folder}"
        " --output {output.page}"
        " --assets {output.assets}"
        " --summary {output.summary}"
        " --report_page reports/{wildcards.dataset}.html"
        " {params.scale:q}"
        " 2>&1 | tee {log}"
