# Needs the predictions of all runs of a dataset. Makes blends of them, verdicts on images, metrics with intervals, and
# comparisons of every pair of models.


rule blend:
    input:
        predictions=of_members("predictions.parquet"),
        runs=of_members("run.json"),
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        predictions=f"{RUN}/predictions.parquet",
        run=f"{RUN}/run.json",
    log:
        "logs/blend/{dataset}{variant}/{model}/{repeat}.log",
    benchmark:
        "benchmarks/blend/{dataset}{variant}/{model}/{repeat}.jsonl"
    wildcard_constraints:
        model=any_of(models_of("blend")),
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1000, 10),
        runtime=minutes(10, 10),
    params:
        by=lambda wildcards: CONFIG.models[wildcards.model].by,
        level=blended_level,
        predictions=lambda wildcards, input: to_json(list(input.predictions)),
        runs=lambda wildcards, input: to_json(list(input.runs)),
        classes=classes_of,
        positive=lambda wildcards: to_json(dataset_of(wildcards).positive),
        aggregate=lambda wildcards: to_json(dataset_of(wildcards).aggregate),
        folder=lambda wildcards, output: Path(output.run).parent,
        code=code_version("gradewise.evaluation.blend"),
    shell:
        "python -m gradewise.evaluation.blend"
        " --dataset {wildcards.dataset}"
        " --model {wildcards.model}"
        " --repeat {wildcards.repeat}"
        " --by {params.by}"
        " --predictions {params.predictions:q}"
        " --runs {params.runs:q}"
        " --manifest {input.manifest}"
        " --classes {params.classes:q}"
        " --level {params.level}"
        " --positive {params.positive:q}"
        " --aggregate {params.aggregate:q}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule evaluate:
    input:
        predictions=of_all_runs("predictions.parquet"),
        runs=of_all_runs("run.json"),
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        metrics=f"{VARIANT}/metrics.parquet",
        verdicts=f"{VARIANT}/verdicts.parquet",
        calibration=f"{VARIANT}/calibration.parquet",
        subgroups=f"{VARIANT}/subgroups.parquet",
    log:
        "logs/evaluate/{dataset}{variant}.log",
    benchmark:
        "benchmarks/evaluate/{dataset}{variant}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(800, 5),
        runtime=minutes(10, 60),
    params:
        predictions=lambda wildcards, input: to_json(list(input.predictions)),
        runs=lambda wildcards, input: to_json(list(input.runs)),
        classes=classes_of,
        positive=lambda wildcards: to_json(dataset_of(wildcards).positive),
        ordered=lambda wildcards: dataset_of(wildcards).ordered,
        aggregate=lambda wildcards: to_json(dataset_of(wildcards).aggregate),
        level=lambda wildcards: dataset_of(wildcards).deciding_level,
        costs=costs_of,
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
        " --level {params.level}"
        " --metrics {output.metrics}"
        " --costs {params.costs:q}"
        " --verdicts {output.verdicts}"
        " --calibration {output.calibration}"
        " --subgroups {output.subgroups}"
        " 2>&1 | tee {log}"


rule compare:
    input:
        unpack(decided_on),
    output:
        f"{RESULTS}/comparisons.parquet",
    log:
        "logs/compare/{dataset}.log",
    benchmark:
        "benchmarks/compare/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(800, 5),
        runtime=minutes(10, 60),
    params:
        compared=as_flags(decided_on),
        models=lambda wildcards: to_json(dataset_of(wildcards).models),
        classes=classes_of,
        ordered=lambda wildcards: dataset_of(wildcards).ordered,
        metric=lambda wildcards: dataset_of(wildcards).deciding_metric,
        costs=costs_of,
        seed=CONFIG.seed,
        code=code_version("gradewise.evaluation.compare"),
    shell:
        "python -m gradewise.evaluation.compare"
        " --dataset {wildcards.dataset}"
        " {params.compared:q}"
        " --models {params.models:q}"
        " --classes {params.classes:q}"
        " --ordered {params.ordered}"
        " --metric {params.metric}"
        " --costs {params.costs:q}"
        " --seed {params.seed}"
        " --output {output}"
        " 2>&1 | tee {log}"


rule leak:
    input:
        grouped=f"{RESULTS}/verdicts.parquet",
        careless=f"{RESULTS}{CARELESS}/verdicts.parquet",
    output:
        f"{RESULTS}/leaks.parquet",
    log:
        "logs/leak/{dataset}.log",
    benchmark:
        "benchmarks/leak/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1000, 10),
        runtime=minutes(10, 10),
    params:
        models=lambda wildcards: to_json(dataset_of(wildcards).leak_models),
        classes=classes_of,
        code=code_version("gradewise.evaluation.leak"),
    shell:
        "python -m gradewise.evaluation.leak"
        " --dataset {wildcards.dataset}"
        " --grouped {input.grouped}"
        " --careless {input.careless}"
        " --models {params.models:q}"
        " --classes {params.classes:q}"
        " --output {output}"
        " 2>&1 | tee {log}"


rule learning_curve:
    input:
        verdicts=verdicts_of_shares,
    output:
        curve=f"{RESULTS}/learning_curve.parquet",
        extrapolations=f"{RESULTS}/extrapolations.parquet",
    log:
        "logs/learning_curve/{dataset}.log",
    benchmark:
        "benchmarks/learning_curve/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1000, 10),
        runtime=minutes(10, 10),
    params:
        verdicts=lambda wildcards, input: to_json(list(input.verdicts)),
        models=lambda wildcards: to_json(dataset_of(wildcards).curve_models),
        classes=classes_of,
        seed=CONFIG.seed,
        code=code_version("gradewise.evaluation.learning_curve"),
    shell:
        "python -m gradewise.evaluation.learning_curve"
        " --dataset {wildcards.dataset}"
        " --verdicts {params.verdicts:q}"
        " --models {params.models:q}"
        " --classes {params.classes:q}"
        " --seed {params.seed}"
        " --curve {output.curve}"
        " --extrapolations {output.extrapolations}"
        " 2>&1 | tee {log}"
