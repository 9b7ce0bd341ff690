# Needs the runs, views and manifest of a dataset. Makes what prediction needs to know beyond the files of a model, and
# the proof that the model that is handed over predicts what was tested.


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


rule verify:
    input:
        plan=f"{RESULTS}/plan/runs.json",
        manifest=f"{RESULTS}/manifest.parquet",
        verdicts=f"{RESULTS}/verdicts.parquet",
        description=f"{RESULTS}/prediction.json",
        runs=lambda wildcards: [
            file
            for run in PLAN.tested_runs(wildcards, handed_over(wildcards))
            for file in (*PLAN.files_of_run(run), f"{run}/predictions.parquet")
        ],
        record=lambda wildcards: (
            f"{RESULTS}/models/{handed_over(wildcards)}/0/run.json"
        ),
    output:
        f"{RESULTS}/verification.json",
    log:
        "logs/verify/{dataset}.log",
    benchmark:
        "benchmarks/verify/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    threads: threads_by_size(0.5)
    resources:
        mem_mb=memory(1500, 3),
        runtime=minutes(20, 10),
    params:
        results=PLAN.results_of,
        model=lambda wildcards, input: Path(input.record).parts[-3],
        shares=lambda wildcards: (
            expected_shares_of(wildcards) if dataset_of(wildcards).adjusts else "null"
        ),
        seed=CONFIG.seed,
        code=code_version(
            "gradewise.predict.verify", *registry.onnx_modules(PLAN.families())
        ),
    shell:
        "python -m gradewise.predict.verify"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --model {params.model}"
        " --shares {params.shares:q}"
        " --seed {params.seed}"
        " --threads {threads}"
        " --output {output}"
        " 2>&1 | tee {log}"
