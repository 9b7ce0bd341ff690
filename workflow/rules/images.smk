# Needs folders of images and label tables (or the simulated ones). Makes the manifest, the quarantine list, the
# fingerprints of images and the pairs of copies, the audit, the splits and the variants of them.


# A checkpoint, because the size of the smallest image decides whether the manifest depends on the views at all.
checkpoint read_images:
    input:
        unpack(PLAN.images_of),
    output:
        images=f"{RESULTS}/read/images.parquet",
        fingerprints=f"{RESULTS}/read/fingerprints.parquet",
        duplicates=f"{RESULTS}/read/duplicates.parquet",
        sides=f"{RESULTS}/read/sides.json",
        corrections=f"{RESULTS}/read/corrections.json",
        kept=f"{RESULTS}/read/kept.parquet",
        pixels=f"{RESULTS}/read/kept.bin",
    log:
        "logs/read_images/{dataset}.log",
    benchmark:
        "benchmarks/read_images/{dataset}.jsonl"
    # takes all cores, so that while jobs of other datasets run it could not begin
    priority: 1
    conda:
        "../../envs/gradewise.yaml"
    threads: 8
    resources:
        mem_mb=PLAN.memory_to_read,
        runtime=minutes(30, 0),
        # no param: other views read no image again, but are made from the files
        views=PLAN.views_to_make,
    params:
        source=lambda wildcards: to_json(PLAN.source_of(wildcards)),
        state=PLAN.images_state,
        folder=lambda wildcards, output: Path(output.images).parent,
        code=code_version("gradewise.images.read_images"),
    shell:
        "python -m gradewise.images.read_images"
        " --source {params.source:q}"
        " --views {resources.views:q}"
        " --threads {threads}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule manifest:
    input:
        images=f"{RESULTS}/read/images.parquet",
        fingerprints=f"{RESULTS}/read/fingerprints.parquet",
        duplicates=f"{RESULTS}/read/duplicates.parquet",
    output:
        manifest=f"{RESULTS}/manifest.parquet",
        quarantine=f"{RESULTS}/quarantine.csv",
        fingerprints=f"{RESULTS}/fingerprints.parquet",
        duplicates=f"{RESULTS}/duplicates.parquet",
    log:
        "logs/manifest/{dataset}.log",
    benchmark:
        "benchmarks/manifest/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(600, 4),
        runtime=minutes(5, 0),
        # no param: another side reruns the step only where an image is smaller, which `smaller_matters` says
        views_need=PLAN.views_need,
    params:
        read=lambda wildcards, input: Path(input.images).parent,
        smaller_matters=side_needed,
        join_duplicates=lambda wildcards: to_json(dataset_of(wildcards).join_duplicates),
        code=code_version("gradewise.images.manifest"),
    shell:
        "python -m gradewise.images.manifest"
        " --read {params.read}"
        " --min_side {resources.views_need}"
        " --join_duplicates {params.join_duplicates}"
        " --output {output.manifest}"
        " --quarantine {output.quarantine}"
        " --fingerprints {output.fingerprints}"
        " --duplicates {output.duplicates}"
        " 2>&1 | tee {log}"


rule audit:
    input:
        manifest=f"{RESULTS}/manifest.parquet",
        fingerprints=f"{RESULTS}/fingerprints.parquet",
        duplicates=f"{RESULTS}/duplicates.parquet",
        quarantine=f"{RESULTS}/quarantine.csv",
    output:
        audit=f"{RESULTS}/audit.parquet",
        clues=f"{RESULTS}/clues.parquet",
    log:
        "logs/audit/{dataset}.log",
    benchmark:
        "benchmarks/audit/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1000, 4),
        runtime=minutes(10, 60),
    params:
        classes=classes_of,
        joined=lambda wildcards: to_json(dataset_of(wildcards).join_duplicates),
        seed=CONFIG.seed,
        code=code_version("gradewise.images.audit"),
    shell:
        "python -m gradewise.images.audit"
        " --manifest {input.manifest}"
        " --fingerprints {input.fingerprints}"
        " --duplicates {input.duplicates}"
        " --quarantine {input.quarantine}"
        " --classes {params.classes:q}"
        " --joined {params.joined}"
        " --seed {params.seed}"
        " --output {output.audit}"
        " --clue_predictions {output.clues}"
        " 2>&1 | tee {log}"


rule split:
    input:
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        f"{RESULTS}/splits.parquet",
    log:
        "logs/split/{dataset}.log",
    benchmark:
        "benchmarks/split/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(600, 10),
        runtime=minutes(5, 0),
    params:
        evaluation=lambda wildcards: to_json(dataset_of(wildcards).evaluation),
        classes=classes_of,
        limited_by_class=lambda wildcards: dataset_of(wildcards).labels_from == "images",
        seed=CONFIG.seed,
        code=code_version("gradewise.images.split"),
    shell:
        "python -m gradewise.images.split"
        " --manifest {input.manifest}"
        " --evaluation {params.evaluation:q}"
        " --classes {params.classes:q}"
        " --limited_by_class {params.limited_by_class}"
        " --seed {params.seed}"
        " --output {output}"
        " 2>&1 | tee {log}"


rule resplit:
    input:
        splits=f"{RESULTS}/splits.parquet",
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        f"{VARIANT}/splits.parquet",
    log:
        "logs/resplit/{dataset}{variant}.log",
    benchmark:
        "benchmarks/resplit/{dataset}{variant}.jsonl"
    wildcard_constraints:
        variant=variant_folder(f"(?!{DEPLOYED}/)[a-z0-9-]+"),
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1000, 10),
        runtime=minutes(10, 0),
    params:
        shares=lambda wildcards: to_json(PLAN.shares_down_to(wildcards)),
        folds=lambda wildcards: dataset_of(wildcards).evaluation.folds or 1,
        seed=CONFIG.seed,
        code=code_version("gradewise.images.resplit"),
    shell:
        "python -m gradewise.images.resplit"
        " --splits {input.splits}"
        " --manifest {input.manifest}"
        " --shares {params.shares:q}"
        " --folds {params.folds}"
        " --seed {params.seed}"
        " --output {output}"
        " 2>&1 | tee {log}"


rule split_all:
    input:
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        f"{RESULTS}{variant_folder(DEPLOYED)}/splits.parquet",
    log:
        "logs/split_all/{dataset}.log",
    benchmark:
        "benchmarks/split_all/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1000, 10),
        runtime=minutes(10, 0),
    params:
        validation=lambda wildcards: dataset_of(wildcards).evaluation.validation,
        train_only=PLAN.train_only_of,
        repeats=PLAN.deployed_repeats,
        seed=CONFIG.seed,
        code=code_version("gradewise.images.split_all"),
    shell:
        "python -m gradewise.images.split_all"
        " --manifest {input.manifest}"
        " --validation {params.validation}"
        " {params.train_only:q}"
        " --repeats {params.repeats}"
        " --seed {params.seed}"
        " --output {output}"
        " 2>&1 | tee {log}"
