# Needs folders of images and label tables (or the simulated ones). Makes the manifest, the quarantine list and the
# splits.


rule manifest:
    input:
        unpack(manifest_input),
    output:
        manifest=f"{RESULTS}/manifest.parquet",
        quarantine=f"{RESULTS}/quarantine.csv",
    log:
        "logs/manifest/{dataset}.log",
    benchmark:
        "benchmarks/manifest/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    threads: 8
    resources:
        mem_mb=memory(2000, 0),
        runtime=minutes(60, 0),
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
        mem_mb=memory(1000, 10),
        runtime=minutes(10, 0),
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
