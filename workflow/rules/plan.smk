# Needs the configuration. Makes the lists that are too long for a command line: which runs belong to a dataset and to the
# variants of its splits, and the dataset's settings. Steps read them below `--results`.


rule plan:
    output:
        runs=f"{RESULTS}/plan/runs.json",
        settings=f"{RESULTS}/plan/settings.json",
    log:
        "logs/plan/{dataset}.log",
    benchmark:
        "benchmarks/plan/{dataset}.jsonl"
    localrule: True
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(500, 0),
        runtime=minutes(5, 0),
    params:
        configfiles=lambda wildcards: CONFIGFILES,
        overrides=lambda wildcards: OVERRIDES,
        absent=lambda wildcards: to_json(CONFIG.absent),
        plan=lambda wildcards: [
            planned_runs(CONFIG, wildcards.dataset),
            to_json(dataset_of(wildcards)),
        ],
        code=code_version("gradewise.plan"),
    shell:
        "python -m gradewise.plan"
        " --configfiles {params.configfiles:q}"
        " --overrides {params.overrides:q}"
        " --absent {params.absent:q}"
        " --dataset {wildcards.dataset}"
        " --runs {output.runs}"
        " --settings {output.settings}"
        " 2>&1 | tee {log}"
