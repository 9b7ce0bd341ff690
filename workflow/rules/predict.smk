# Needs the runs, views and manifest of a dataset. Makes what the command `gradewise predict` needs to know beyond the files
# of a model. No rule depends on it.


rule describe:
    input:
        plan=[f"{RESULTS}/plan/runs.json", f"{RESULTS}/plan/settings.json"],
        manifest=f"{RESULTS}/manifest.parquet",
        views=PLAN.caches_of,
        runs=PLAN.of_all_runs("run.json"),
    output:
        f"{RESULTS}/prediction.json",
    log:
        "logs/describe/{dataset}.log",
    benchmark:
        "benchmarks/describe/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(500, 1),
        runtime=minutes(5, 0),
    params:
        results=PLAN.results_of,
        seed=CONFIG.seed,
        code=code_version("gradewise.predict.describe"),
    shell:
        "python -m gradewise.predict.describe"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --seed {params.seed}"
        " --output {output}"
        " 2>&1 | tee {log}"
