# Needs the verdicts of all models of a dataset. Makes what their probabilities mean in use.


rule unknown:
    input:
        plan=f"{RESULTS}/plan/runs.json",
        manifest=f"{RESULTS}/manifest.parquet",
        splits=f"{RESULTS}/splits.parquet",
        views=PLAN.described_of,
        runs=PLAN.of_all_runs("run.json"),
    output:
        f"{RESULTS}/unknown.parquet",
    log:
        "logs/unknown/{dataset}.log",
    benchmark:
        "benchmarks/unknown/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1500, 1),
        runtime=minutes(20, 5),
    params:
        results=PLAN.results_of,
        false_alarms=lambda wildcards: dataset_of(wildcards).unknown.false_alarms,
        reading=lambda wildcards: to_json(dataset_of(wildcards).reading),
        seed=CONFIG.seed,
        code=code_version("gradewise.judgement.unknown"),
    shell:
        "python -m gradewise.judgement.unknown"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --false_alarms {params.false_alarms}"
        " --reading {params.reading:q}"
        " --seed {params.seed}"
        " --output {output}"
        " 2>&1 | tee {log}"


rule prediction_sets:
    input:
        plan=f"{RESULTS}/plan/runs.json",
        verdicts=f"{RESULTS}/verdicts.parquet",
    output:
        f"{RESULTS}/prediction_sets.parquet",
    log:
        "logs/prediction_sets/{dataset}.log",
    benchmark:
        "benchmarks/prediction_sets/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1500, 5),
        runtime=minutes(5, 10),
    params:
        results=PLAN.results_of,
        classes=classes_of,
        seed=CONFIG.seed,
        code=code_version("gradewise.judgement.prediction_sets"),
    shell:
        "python -m gradewise.judgement.prediction_sets"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --classes {params.classes:q}"
        " --seed {params.seed}"
        " --output {output}"
        " 2>&1 | tee {log}"


rule suspect_labels:
    input:
        plan=[f"{RESULTS}/plan/runs.json", f"{RESULTS}/plan/settings.json"],
        verdicts=f"{RESULTS}/verdicts.parquet",
        recommendation=f"{RESULTS}/recommendation.json",
        manifest=f"{RESULTS}/manifest.parquet",
        corrections=f"{RESULTS}/read/corrections.json",
    output:
        suspects=f"{RESULTS}/suspect_labels.parquet",
        table=f"{RESULTS}/suspect-labels.csv",
        relabel=f"{RESULTS}/relabel.csv",
    log:
        "logs/suspect_labels/{dataset}.log",
    benchmark:
        "benchmarks/suspect_labels/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(800, 5),
        runtime=minutes(10, 10),
    params:
        results=PLAN.results_of,
        code=code_version("gradewise.judgement.suspect_labels"),
    shell:
        "python -m gradewise.judgement.suspect_labels"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --output {output.suspects}"
        " --table {output.table}"
        " --relabel {output.relabel}"
        " 2>&1 | tee {log}"


rule look_alikes:
    input:
        manifest=f"{RESULTS}/manifest.parquet",
        splits=f"{RESULTS}/splits.parquet",
        verdicts=f"{RESULTS}/verdicts.parquet",
        features=lambda wildcards: f"{RESULTS}/views/{PLAN.features_of(wildcards.dataset)[0]}.parquet",
    output:
        pairs=f"{RESULTS}/look_alikes.parquet",
        resemblance=f"{RESULTS}/resemblance.parquet",
    log:
        "logs/look_alikes/{dataset}.log",
    benchmark:
        "benchmarks/look_alikes/{dataset}.jsonl"
    wildcard_constraints:
        dataset=any_of(name for name in CONFIG.datasets if PLAN.features_of(name)),
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1000, 3),
        runtime=minutes(10, 10),
    params:
        results=PLAN.results_of,
        features=lambda wildcards: PLAN.features_of(wildcards.dataset)[0],
        seed=CONFIG.seed,
        code=code_version("gradewise.judgement.look_alikes"),
    shell:
        "python -m gradewise.judgement.look_alikes"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --features {params.features}"
        " --seed {params.seed}"
        " --output {output.pairs}"
        " --resemblance {output.resemblance}"
        " 2>&1 | tee {log}"


rule thresholds:
    input:
        plan=f"{RESULTS}/plan/runs.json",
        verdicts=f"{RESULTS}/verdicts.parquet",
    output:
        f"{RESULTS}/thresholds.parquet",
    log:
        "logs/thresholds/{dataset}.log",
    benchmark:
        "benchmarks/thresholds/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1000, 5),
        runtime=minutes(5, 10),
    params:
        results=PLAN.results_of,
        classes=lambda wildcards: to_json(dataset_of(wildcards).scale),
        costs=lambda wildcards: to_json(dataset_of(wildcards).scale_costs),
        code=code_version("gradewise.judgement.thresholds"),
    shell:
        "python -m gradewise.judgement.thresholds"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --classes {params.classes:q}"
        " --costs {params.costs:q}"
        " --output {output}"
        " 2>&1 | tee {log}"


rule expected_shares:
    input:
        plan=f"{RESULTS}/plan/runs.json",
        verdicts=f"{RESULTS}/verdicts.parquet",
        runs=PLAN.of_all_runs("run.json"),
        predictions=PLAN.of_all_runs("predictions.parquet"),
    output:
        f"{RESULTS}/expected_shares.parquet",
    log:
        "logs/expected_shares/{dataset}.log",
    benchmark:
        "benchmarks/expected_shares/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1000, 5),
        runtime=minutes(5, 10),
    params:
        results=PLAN.results_of,
        classes=classes_of,
        shares=expected_shares_of,
        costs=costs_of,
        least_cost=lambda wildcards: dataset_of(wildcards).verdict_costs is not None,
        adjustable=lambda wildcards: dataset_of(wildcards).unadjustable is None,
        code=code_version("gradewise.judgement.expected_shares"),
    shell:
        "python -m gradewise.judgement.expected_shares"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --classes {params.classes:q}"
        " --shares {params.shares:q}"
        " --costs {params.costs:q}"
        " --least_cost {params.least_cost}"
        " --adjustable {params.adjustable}"
        " --output {output}"
        " 2>&1 | tee {log}"
