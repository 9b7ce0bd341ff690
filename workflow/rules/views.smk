# Needs the manifest. Makes the cache of a view's samples.


rule view:
    input:
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        samples=f"{RESULTS}/views/{{view}}.parquet",
        pixels=f"{RESULTS}/views/{{view}}.npy",
    log:
        "logs/view/{dataset}/{view}.log",
    benchmark:
        "benchmarks/view/{dataset}/{view}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    threads: threads_by_size(0.05)
    resources:
        mem_mb=PLAN.memory_to_view,
        runtime=minutes(30, 0),
    params:
        operations=lambda wildcards: to_json(CONFIG.views[wildcards.view]),
        classes=classes_of,
        tile_labels=PLAN.tile_labels_of,
        seed=CONFIG.seed,
        reading=lambda wildcards: to_json(dataset_of(wildcards).reading),
        code=lambda wildcards: code_version(
            "gradewise.views.view", *CONFIG.views[wildcards.view].modules
        ),
    shell:
        "python -m gradewise.views.view"
        " --manifest {input.manifest}"
        " --operations {params.operations:q}"
        " --name {wildcards.view}"
        " --classes {params.classes:q}"
        " --seed {params.seed}"
        " --reading {params.reading:q}"
        " --threads {threads}"
        " --output {output.samples}"
        " {params.tile_labels:q}"
        " 2>&1 | tee {log}"
