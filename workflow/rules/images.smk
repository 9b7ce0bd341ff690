# Needs folders of images and label tables (or the simulated ones). Makes the manifest, the quarantine list, the
# fingerprints of images and the pairs of copies, the audit, the splits and the variants of them.


rule manifest:
    input:
        unpack(manifest_input),
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
    threads: 8
    resources:
        mem_mb=memory(1200, 0),
        runtime=minutes(30, 0),
    params:
        source=lambda wildcards: to_json(source_of(wildcards)),
        state=manifest_state,
        code=code_version("gradewise.images.manifest"),
    shell:
        "python -m gradewise.images.manifest"
        " --source {params.source:q}"
        " --threads {threads}"
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
        f"{RESULTS}/audit.parquet",
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
        " --output {output}"
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
        variant=variant_named("[a-z0-9-]+"),
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1000, 10),
        runtime=minutes(10, 0),
    params:
        shares=lambda wildcards: to_json(shares_down_to(wildcards)),
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
