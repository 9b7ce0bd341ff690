# Needs the predictions of all runs of a dataset. Makes verdicts on images, metrics with intervals, and comparisons of
# every pair of models.


rule evaluate:
    input:
        predictions=of_all_runs("predictions.parquet"),
        runs=of_all_runs("run.json"),
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        metrics=f"{RESULTS}/metrics.parquet",
        verdicts=f"{RESULTS}/verdicts.parquet",
    log:
        "logs/evaluate/{dataset}.log",
    benchmark:
        "benchmarks/evaluate/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(2000, 10),
        runtime=minutes(30, 60),
    params:
        predictions=lambda wildcards, input: to_json(list(input.predictions)),
        runs=lambda wildcards, input: to_json(list(input.runs)),
        classes=classes_of,
        positive=lambda wildcards: to_json(dataset_of(wildcards).positive),
        ordered=lambda wildcards: dataset_of(wildcards).ordered,
        aggregate=lambda wildcards: to_json(dataset_of(wildcards).aggregate),
        code=code_version("gradewise.evaluation.evaluate"),
    shell:
        "python -m gradewise.evaluation.evaluate"
        " --dataset {wildcards.dataset}"
        " --predictions {params.predictions:q}"
        " --runs {params.runs:q}"
        " --manifest {input.manifest}"
        " --classes {params.classes:q}"
        " --positive {params.positive:q}"
        " --ordered {params.ordered}"
        " --aggregate {params.aggregate:q}"
        " --metrics {output.metrics}"
        " --verdicts {output.verdicts}"
        " 2>&1 | tee {log}"


rule compare:
    input:
        verdicts=f"{RESULTS}/verdicts.parquet",
    output:
        f"{RESULTS}/comparisons.parquet",
    log:
        "logs/compare/{dataset}.log",
    benchmark:
        "benchmarks/compare/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(2000, 10),
        runtime=minutes(30, 60),
    params:
        models=lambda wildcards: to_json(dataset_of(wildcards).models),
        classes=classes_of,
        ordered=lambda wildcards: dataset_of(wildcards).ordered,
        seed=CONFIG.seed,
        code=code_version("gradewise.evaluation.compare"),
    shell:
        "python -m gradewise.evaluation.compare"
        " --dataset {wildcards.dataset}"
        " --verdicts {input.verdicts}"
        " --models {params.models:q}"
        " --classes {params.classes:q}"
        " --ordered {params.ordered}"
        " --seed {params.seed}"
        " --output {output}"
        " 2>&1 | tee {log}"
