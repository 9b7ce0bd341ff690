# Needs a view's samples, the splits and the manifest. Makes, for each model and repeat, the trained model, its
# predictions and the record of the run. Features of a backbone are computed once per view, principal components are
# fitted once for all models of a view. Variants do the same on splits derived from the dataset's own.


rule extract:
    input:
        samples=f"{RESULTS}/views/{{view}}.parquet",
        weights=lambda wildcards: str(CONFIG.backbones[wildcards.backbone].file()),
        shards=shards_of(f"{RESULTS}/views/{{view}}@{{backbone}}", IMAGES_OF_FEATURES),
    output:
        features=f"{RESULTS}/views/{{view}}@{{backbone}}.parquet",
        backbone=f"{RESULTS}/views/{{view}}@{{backbone}}.safetensors",
    log:
        "logs/extract/{dataset}/{view}@{backbone}.log",
    benchmark:
        "benchmarks/extract/{dataset}/{view}@{backbone}.jsonl"
    wildcard_constraints:
        backbone=any_of(CONFIG.backbones),
    conda:
        "../../envs/gradewise.yaml"
    threads: threads_of_cache(5)
    resources:
        mem_mb=PLAN.memory_to_extract,
        runtime=PLAN.minutes_to_extract,
    params:
        backbone=lambda wildcards: CONFIG.backbones[
            wildcards.backbone
        ].model_dump_json(exclude={"optional"}),
        shard=shard_flags,
        code=code_version("gradewise.families.extract"),
    shell:
        "python -m gradewise.families.extract"
        " --samples {input.samples}"
        " --name {wildcards.backbone}"
        " --backbone {params.backbone:q}"
        " --weights {input.weights}"
        " --threads {threads}"
        " --output {output.features}"
        " {params.shard:q}"
        " 2>&1 | tee {log}"


use rule extract as extract_shard with:
    input:
        samples=f"{RESULTS}/views/{{view}}.parquet",
        weights=lambda wildcards: str(CONFIG.backbones[wildcards.backbone].file()),
    output:
        features=temp(f"{RESULTS}/views/{{view}}@{{backbone}}.{{shard}}.parquet"),
    log:
        "logs/extract_shard/{dataset}/{view}@{backbone}/{shard}.log",
    benchmark:
        "benchmarks/extract_shard/{dataset}/{view}@{backbone}/{shard}.jsonl"


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
    wildcard_constraints:
        view=any_of(PLAN.caches()),
    conda:
        "../../envs/gradewise.yaml"
    threads: threads_by_size(40)
    resources:
        mem_mb=memory(1000, 4),
        runtime=minutes(15, 60),
    params:
        components=PLAN.largest_components,
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


# One rule per family that the configuration uses, named after it: train_cnn, train_forest .. Profiles address them so.
for family in PLAN.families():

    rule:
        name:
            f"train_{family}"
        input:
            unpack(PLAN.components_of),
            unpack(PLAN.backbone_of),
            samples=PLAN.samples_of,
            splits=f"{VARIANT}/splits.parquet",
            manifest=f"{RESULTS}/manifest.parquet",
        output:
            model=[f"{RUN}/{file}" for file in registry.family(family).files],
            predictions=f"{RUN}/predictions.parquet",
            hashes=f"{RUN}/model.sha256",
            run=f"{RUN}/run.json",
        log:
            f"logs/train_{family}/{{dataset}}{{variant}}/{{model}}/{{repeat}}.log",
        benchmark:
            f"benchmarks/train_{family}/{{dataset}}{{variant}}/{{model}}/{{repeat}}.jsonl"
        wildcard_constraints:
            model=any_of(PLAN.models_of(family)),
        conda:
            "../../envs/gradewise-gpu.yaml"
            if PLAN.uses_gpu(family)
            else "../../envs/gradewise.yaml"
        threads: PLAN.training.threads
        resources:
            mem_mb=PLAN.training.memory,
            runtime=PLAN.training.minutes,
            gpu=PLAN.training.gpus if GPUS else 0,
        params:
            family=family,
            components=as_flags(PLAN.components_of),
            backbone=as_flags(PLAN.backbone_of),
            pretrained=PLAN.pretrained_of,
            positive=PLAN.positive_of,
            view=PLAN.view_of,
            classes=classes_of,
            candidates=PLAN.candidates_of,
            choose_by=lambda wildcards: to_json(PLAN.choose_by(wildcards)),
            folder=lambda wildcards, output: Path(output.run).parent,
            seed=CONFIG.seed,
            code=code_version("gradewise.families.train", registry.module_of(family)),
            fine_tuning=lambda wildcards: [
                code_version(module) for module in PLAN.fine_tuning_of(wildcards)
            ],
            judge=lambda wildcards: (
                code_version("gradewise.families.judge")
                if PLAN.choose_by(wildcards)
                else None
            ),
        shell:
            "python -m gradewise.families.train"
            " --family {params.family}"
            " --samples {input.samples}"
            " --splits {input.splits}"
            " --manifest {input.manifest}"
            " {params.components:q}"
            " {params.backbone:q}"
            " {params.pretrained:q}"
            " {params.positive:q}"
            " --repeat {wildcards.repeat}"
            " --dataset {wildcards.dataset}"
            " --model {wildcards.model}"
            " --view {params.view}"
            " --classes {params.classes:q}"
            " --candidates {params.candidates:q}"
            " --choose_by {params.choose_by:q}"
            " --seed {params.seed}"
            " --threads {threads}"
            " --output {params.folder}"
            " 2>&1 | tee {log}"
