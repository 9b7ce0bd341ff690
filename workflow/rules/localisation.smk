# Needs the runs of a dataset and the masks of its images. Makes maps of where the positive class shows in test images, how
# well these fit the masks, and where the recommended model looks in a few of them.


rule locate:
    input:
        manifest=f"{RESULTS}/manifest.parquet",
        splits=f"{RESULTS}/splits.parquet",
        view=lambda wildcards: f"{RESULTS}/views/{PLAN.view_of(wildcards)}.parquet",
        run=PLAN.files_to_locate,
    output:
        f"{RESULTS}/localisation/{{model}}/{{repeat}}.parquet",
    log:
        "logs/locate/{dataset}/{model}/{repeat}.log",
    benchmark:
        "benchmarks/locate/{dataset}/{model}/{repeat}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    threads: threads_by_size(0.5)
    resources:
        mem_mb=PLAN.memory_to_locate,
        runtime=minutes(30, 60),
    params:
        results=PLAN.results_of,
        positive=lambda wildcards: dataset_of(wildcards).positive,
        stride=lambda wildcards: to_json(dataset_of(wildcards).localisation.stride),
        reading=lambda wildcards: to_json(dataset_of(wildcards).reading),
        code=lambda wildcards: code_version(
            "gradewise.localisation.locate",
            registry.module_of(PLAN.fitted_of(wildcards).family),
            *CONFIG.views[PLAN.view_of(wildcards)].modules,
        ),
    shell:
        "python -m gradewise.localisation.locate"
        " --results {params.results}"
        " --model {wildcards.model}"
        " --repeat {wildcards.repeat}"
        " --positive={params.positive:q}"
        " --stride {params.stride}"
        " --reading {params.reading:q}"
        " --threads {threads}"
        " --output {output}"
        " 2>&1 | tee {log}"


rule localise:
    input:
        manifest=f"{RESULTS}/manifest.parquet",
        views=PLAN.caches_of,
        maps=PLAN.maps_of,
    output:
        measures=f"{RESULTS}/localisation.parquet",
        defects=f"{RESULTS}/defects.parquet",
        located=f"{RESULTS}/located.parquet",
    log:
        "logs/localise/{dataset}.log",
    benchmark:
        "benchmarks/localise/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=PLAN.memory_to_localise,
        runtime=minutes(20, 60),
    params:
        results=PLAN.results_of,
        models=lambda wildcards: to_json(PLAN.localised(wildcards)),
        repeats=lambda wildcards: dataset_of(wildcards).evaluation.runs,
        positive=lambda wildcards: dataset_of(wildcards).positive,
        false_alarm_share=lambda wildcards: dataset_of(
            wildcards
        ).localisation.false_alarms,
        code=code_version("gradewise.localisation.localise"),
    shell:
        "python -m gradewise.localisation.localise"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --models {params.models:q}"
        " --repeats {params.repeats}"
        " --positive={params.positive:q}"
        " --false_alarm_share {params.false_alarm_share}"
        " --output {output.measures}"
        " --defects {output.defects}"
        " --located {output.located}"
        " 2>&1 | tee {log}"


rule attribute:
    input:
        plan=[f"{RESULTS}/plan/runs.json", f"{RESULTS}/plan/settings.json"],
        tables=expand(
            f"{RESULTS}/{{name}}.parquet",
            name=[
                "manifest",
                "metrics",
                "comparisons",
                "standings",
                "verdicts",
                "audit",
            ],
            allow_missing=True,
        ),
        recommendation=f"{RESULTS}/recommendation.json",
        views=PLAN.caches_of,
        records=PLAN.of_all_runs("run.json"),
        predictions=PLAN.of_all_runs("predictions.parquet"),
        runs=PLAN.files_to_attribute,
    output:
        f"{RESULTS}/attributions.parquet",
    log:
        "logs/attribute/{dataset}.log",
    benchmark:
        "benchmarks/attribute/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(2000, 1),
        runtime=minutes(20, 5),
    params:
        results=PLAN.results_of,
        code=lambda wildcards: code_version(
            "gradewise.localisation.attribute",
            *sorted(
                {
                    registry.module_of(model.family)
                    for model in CONFIG.fitted(wildcards.dataset).values()
                }
            ),
        ),
    shell:
        "python -m gradewise.localisation.attribute"
        " --results {params.results}"
        " --dataset {wildcards.dataset}"
        " --threads {threads}"
        " --output {output}"
        " 2>&1 | tee {log}"
