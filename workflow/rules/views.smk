# Needs the manifest. Makes the cache of a view's samples, of many images as shards that are put together.


rule view:
    input:
        manifest=f"{RESULTS}/manifest.parquet",
        kept=f"{RESULTS}/read/kept.parquet",
        shards=shards_of(f"{RESULTS}/views/{{view}}", IMAGES_OF_VIEW),
    output:
        samples=f"{RESULTS}/views/{{view}}.parquet",
        pixels=f"{RESULTS}/views/{{view}}.npy",
    log:
        "logs/view/{dataset}/{view}.log",
    benchmark:
        "benchmarks/view/{dataset}/{view}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    threads: threads_of_cache(0.05)
    resources:
        mem_mb=PLAN.memory_to_view,
        runtime=minutes(30, 0),
    params:
        operations=lambda wildcards: to_json(CONFIG.views[wildcards.view]),
        classes=classes_of,
        tile_labels=PLAN.tile_labels_of,
        seed=CONFIG.seed,
        reading=lambda wildcards: to_json(dataset_of(wildcards).reading),
        shard=shard_flags,
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
        " --kept {input.kept}"
        " --threads {threads}"
        " --output {output.samples}"
        " {params.tile_labels:q}"
        " {params.shard:q}"
        " 2>&1 | tee {log}"


use rule view as view_shard with:
    input:
        manifest=f"{RESULTS}/manifest.parquet",
        kept=f"{RESULTS}/read/kept.parquet",
    output:
        samples=temp(f"{RESULTS}/views/{{view}}.{{shard}}.parquet"),
    log:
        "logs/view_shard/{dataset}/{view}/{shard}.log",
    benchmark:
        "benchmarks/view_shard/{dataset}/{view}/{shard}.jsonl"
