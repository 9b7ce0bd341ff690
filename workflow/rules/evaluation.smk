# Needs the predictions of all runs of a dataset. Makes blends of them, verdicts on images, metrics with intervals, and
# comparisons of every pair of models, and the recommendation.


rule blend:
    input:
        predictions=PLAN.of_members("predictions.parquet"),
        runs=PLAN.of_members("run.json"),
        plan=f"{RESULTS}/plan/runs.json",
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        predictions=f"{RUN}/predictions.parquet",
        run=f"{RUN}/run.json",
    log:
        "logs/blend/{dataset}{variant}/{model}/{repeat}.log",
    benchmark:
        "benchmarks/blend/{dataset}{variant}/{model}/{repeat}.jsonl"
    wildcard_constraints:
        model=any_of(PLAN.models_of("blend")),
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1000, 10),
        runtime=minutes(10, 10),
    params:
        by=lambda wildcards: CONFIG.models[wildcards.model].by,
        level=PLAN.blended_level,
        results=PLAN.results_of,
        members=lambda wildcards: to_json(CONFIG.models[wildcards.model].members),
        over=lambda wildcards: CONFIG.models[wildcards.model].over,
        classes=classes_of,
        positive=lambda wildcards: dataset_of(wildcards).positive or "",
        aggregate=lambda wildcards: to_json(dataset_of(wildcards).aggregate),
        folder=lambda wildcards, output: Path(output.run).parent,
        code=code_version("gradewise.evaluation.blend"),
    shell:
        "python -m gradewise.evaluation.blend"
        " --dataset {wildcards.dataset}"
        " --model {wildcards.model}"
        " --repeat {wildcards.repeat}"
        " --by {params.by}"
        " --results {params.results}"
        " --members {params.members:q}"
        " --over {params.over}"
        " --classes {params.classes:q}"
        " --level {params.level}"
        " --positive={params.positive:q}"
        " --aggregate {params.aggregate:q}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule evaluate:
    input:
        predictions=PLAN.of_all_runs("predictions.parquet"),
        runs=PLAN.of_all_runs("run.json"),
        plan=f"{RESULTS}/plan/runs.json",
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
        mem_mb=PLAN.memory_to_evaluate,
        runtime=minutes(10, 60),
    params:
        results=PLAN.results_of,
        classes=classes_of,
        positive=lambda wildcards: dataset_of(wildcards).positive or "",
        ordered=lambda wildcards: dataset_of(wildcards).ordered,
        aggregate=lambda wildcards: to_json(dataset_of(wildcards).aggregate),
        level=lambda wildcards: dataset_of(wildcards).deciding_level,
        costs=costs_of,
        least_cost=lambda wildcards: dataset_of(wildcards).verdict_costs is not None,
        code=code_version("gradewise.evaluation.evaluate"),
    shell:
        "python -m gradewise.evaluation.evaluate"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --classes {params.classes:q}"
        " --positive={params.positive:q}"
        " --ordered {params.ordered}"
        " --aggregate {params.aggregate:q}"
        " --level {params.level}"
        " --costs {params.costs:q}"
        " --least_cost {params.least_cost}"
        " --metrics {output.metrics}"
        " --verdicts {output.verdicts}"
        " --calibration {output.calibration}"
        " --subgroups {output.subgroups}"
        " 2>&1 | tee {log}"


rule compare:
    input:
        unpack(PLAN.decided_on),
        clues=f"{RESULTS}/clues.parquet",
        plan=f"{RESULTS}/plan/runs.json",
    output:
        comparisons=f"{RESULTS}/comparisons.parquet",
        standings=f"{RESULTS}/standings.parquet",
    log:
        "logs/compare/{dataset}.log",
    benchmark:
        "benchmarks/compare/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(800, 12),
        runtime=minutes(10, 60),
    params:
        results=PLAN.results_of,
        level=lambda wildcards: dataset_of(wildcards).deciding_level,
        classes=classes_of,
        ordered=lambda wildcards: dataset_of(wildcards).ordered,
        metric=lambda wildcards: dataset_of(wildcards).deciding_metric,
        costs=costs_of,
        seed=CONFIG.seed,
        code=code_version("gradewise.evaluation.compare"),
    shell:
        "python -m gradewise.evaluation.compare"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --level {params.level}"
        " --classes {params.classes:q}"
        " --ordered {params.ordered}"
        " --metric {params.metric}"
        " --costs {params.costs:q}"
        " --clues {input.clues}"
        " --seed {params.seed}"
        " --output {output.comparisons}"
        " --standings {output.standings}"
        " 2>&1 | tee {log}"


# Decides which model is handed over, and so which one is fitted on all images.
checkpoint recommend:
    input:
        plan=[f"{RESULTS}/plan/runs.json", f"{RESULTS}/plan/settings.json"],
        tables=expand(
            f"{RESULTS}/{{table}}.parquet",
            table=["metrics", "comparisons", "standings", "verdicts", "audit"],
            allow_missing=True,
        ),
        predictions=PLAN.of_all_runs("predictions.parquet"),
        runs=PLAN.of_all_runs("run.json"),
    output:
        f"{RESULTS}/recommendation.json",
    log:
        "logs/recommend/{dataset}.log",
    benchmark:
        "benchmarks/recommend/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(800, 5),
        runtime=minutes(10, 10),
    params:
        results=PLAN.results_of,
        code=code_version("gradewise.evaluation.recommend"),
    shell:
        "python -m gradewise.evaluation.recommend"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --output {output}"
        " 2>&1 | tee {log}"


rule leak:
    input:
        grouped=f"{RESULTS}/verdicts.parquet",
        careless=f"{RESULTS}{variant_folder(CARELESS)}/verdicts.parquet",
        plan=f"{RESULTS}/plan/runs.json",
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
        results=PLAN.results_of,
        code=code_version("gradewise.evaluation.leak"),
    shell:
        "python -m gradewise.evaluation.leak"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --output {output}"
        " 2>&1 | tee {log}"


rule learning_curve:
    input:
        verdicts=PLAN.verdicts_of_shares,
        plan=f"{RESULTS}/plan/runs.json",
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
        results=PLAN.results_of,
        seed=CONFIG.seed,
        code=code_version("gradewise.evaluation.learning_curve"),
    shell:
        "python -m gradewise.evaluation.learning_curve"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --seed {params.seed}"
        " --curve {output.curve}"
        " --extrapolations {output.extrapolations}"
        " 2>&1 | tee {log}"
