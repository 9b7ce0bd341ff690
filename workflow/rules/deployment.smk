# Needs the comparison of a dataset's models. Makes the folder and the zip file of the model that is handed over, fitted on
# all images unless the configuration says otherwise, and its verdicts on folders of new images.


rule deploy:
    input:
        unpack(PLAN.evidence_of),
        description=f"{RESULTS}/prediction.json",
        card=CARD,
        splits=lambda wildcards: (
            f"{RESULTS}{variant_folder(DEPLOYED)}/splits.parquet"
            if dataset_of(wildcards).deploy.fit_on == "all"
            else []
        ),
        tested=lambda wildcards: [
            file
            for run in PLAN.tested_runs(wildcards, handed_over(wildcards))
            for file in PLAN.files_of_run(run)
        ],
        handed_over=lambda wildcards: [
            file
            for run in PLAN.deployed_runs(wildcards, handed_over(wildcards))
            for file in PLAN.files_of_run(run)
        ],
    output:
        folder=directory(f"{RESULTS}/deployed"),
        archive=f"{RESULTS}/deployed.zip",
    log:
        "logs/deploy/{dataset}.log",
    benchmark:
        "benchmarks/deploy/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1500, 3),
        runtime=minutes(20, 10),
    params:
        results=PLAN.results_of,
        model=lambda wildcards: handed_over(wildcards),
        fit_on=lambda wildcards: dataset_of(wildcards).deploy.fit_on,
        seed=CONFIG.seed,
        code=code_version(
            "gradewise.deployment.deploy", *registry.onnx_modules(PLAN.families())
        ),
    shell:
        "python -m gradewise.deployment.deploy"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --model {params.model}"
        " --fit_on {params.fit_on}"
        " --seed {params.seed}"
        " --threads {threads}"
        " --output {output.folder}"
        " --archive {output.archive}"
        " 2>&1 | tee {log}"


rule apply:
    input:
        model=f"{RESULTS}/deployed",
        templates=TEMPLATES,
    output:
        verdicts=f"{RESULTS}/applied/{{name}}.parquet",
        table=f"{RESULTS}/applied/{{name}}.csv",
        page=report(
            "reports/{dataset}-{name}.html",
            caption="../report/applied.rst",
            category="{dataset}",
        ),
        assets=directory("reports/{dataset}-{name}"),
    log:
        "logs/apply/{dataset}/{name}.log",
    benchmark:
        "benchmarks/apply/{dataset}/{name}.jsonl"
    wildcard_constraints:
        name=any_of({name for _, name in APPLIED}),
    conda:
        "../../envs/gradewise.yaml"
    threads: MOST_THREADS
    resources:
        mem_mb=memory(2500, 2),
        runtime=minutes(60, 0),
    params:
        images=lambda wildcards: dataset_of(wildcards).apply[wildcards.name],
        state=lambda wildcards: files_state(
            [dataset_of(wildcards).apply[wildcards.name]]
        ),
        code=code_version("gradewise.deployment.apply"),
    shell:
        "python -m gradewise.deployment.apply"
        " --dataset {wildcards.dataset}"
        " --name {wildcards.name}"
        " --model {input.model}"
        " --images {params.images:q}"
        " --threads {threads}"
        " --output {output.verdicts}"
        " --table {output.table}"
        " --page {output.page}"
        " 2>&1 | tee {log}"
