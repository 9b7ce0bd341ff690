# Needs the comparison of a dataset's models. Makes the folder and the zip file of the model that is handed over, fitted on
# all images unless the configuration says otherwise, its verdicts on folders of new images, of many as shards that are
# put together, its test on labelled ones, and how all these change over time.


rule deploy:
    input:
        unpack(PLAN.evidence_of),
        description=f"{RESULTS}/prediction.json",
        described=PLAN.described_of,
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
            for file in (*PLAN.files_of_run(run), f"{run}/predictions.parquet")
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


rule classify:
    input:
        model=f"{RESULTS}/deployed",
        shards=shards_of_new_images,
    output:
        table=f"{RESULTS}/applied/{{name}}.csv",
    log:
        "logs/classify/{dataset}/{name}.log",
    benchmark:
        "benchmarks/classify/{dataset}/{name}.jsonl"
    wildcard_constraints:
        name=named_images(labelled=False),
    conda:
        "../../envs/gradewise.yaml"
    threads: lambda wildcards, input: 1 if input.get("shards") else MOST_THREADS
    resources:
        mem_mb=memory(2500, 2),
        runtime=PLAN.minutes_to_classify,
    params:
        images=lambda wildcards: PLAN.new_folder(wildcards).path,
        state=lambda wildcards: PLAN.new_folder(wildcards).state,
        shard=shard_flags,
        code=code_version("gradewise.deployment.classify"),
    shell:
        "python -m gradewise.deployment.classify"
        " --model {input.model}"
        " --images {params.images:q}"
        " --threads {threads}"
        " --output {output.table}"
        " {params.shard:q}"
        " 2>&1 | tee {log}"


use rule classify as classify_shard with:
    input:
        model=f"{RESULTS}/deployed",
    output:
        table=temp(f"{RESULTS}/applied/{{name}}/{{shard}}.csv"),
    log:
        "logs/classify_shard/{dataset}/{name}/{shard}.log",
    benchmark:
        "benchmarks/classify_shard/{dataset}/{name}/{shard}.jsonl"


rule apply:
    input:
        model=f"{RESULTS}/deployed",
        table=f"{RESULTS}/applied/{{name}}.csv",
        templates=TEMPLATES,
    output:
        verdicts=f"{RESULTS}/applied/{{name}}.parquet",
        statistics=f"{RESULTS}/applied/{{name}}-images.parquet",
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
        name=named_images(labelled=False),
    conda:
        "../../envs/gradewise.yaml"
    threads: MOST_THREADS
    resources:
        mem_mb=memory(2500, 2),
        runtime=minutes(60, 0),
    params:
        code=code_version("gradewise.deployment.apply"),
    shell:
        "python -m gradewise.deployment.apply"
        " --dataset {wildcards.dataset}"
        " --name {wildcards.name}"
        " --model {input.model}"
        " --table {input.table}"
        " --threads {threads}"
        " --output {output.verdicts}"
        " --statistics {output.statistics}"
        " --page {output.page}"
        " 2>&1 | tee {log}"


rule external:
    input:
        unpack(PLAN.evidence_of),
        model=f"{RESULTS}/deployed",
        fingerprints=f"{RESULTS}/fingerprints.parquet",
        labels=lambda wildcards: PLAN.new_images_of(wildcards).files,
        templates=TEMPLATES,
    output:
        verdicts=f"{RESULTS}/applied/{{name}}.parquet",
        table=f"{RESULTS}/applied/{{name}}.csv",
        statistics=f"{RESULTS}/applied/{{name}}-images.parquet",
        test=f"{RESULTS}/applied/{{name}}-test.json",
        page=report(
            "reports/{dataset}-{name}.html",
            caption="../report/external.rst",
            category="{dataset}",
        ),
        assets=directory("reports/{dataset}-{name}"),
    log:
        "logs/external/{dataset}/{name}.log",
    benchmark:
        "benchmarks/external/{dataset}/{name}.jsonl"
    wildcard_constraints:
        name=named_images(labelled=True),
    conda:
        "../../envs/gradewise.yaml"
    threads: MOST_THREADS
    resources:
        mem_mb=PLAN.memory_to_read_new,
        runtime=minutes(60, 0),
    params:
        results=PLAN.results_of,
        source=lambda wildcards: to_json(
            PLAN.new_images_of(wildcards).source(PLAN.source_of(wildcards))
        ),
        state=lambda wildcards: files_state(PLAN.new_images_of(wildcards).folders),
        code=code_version("gradewise.deployment.external"),
    shell:
        "python -m gradewise.deployment.external"
        " --dataset {wildcards.dataset}"
        " --name {wildcards.name}"
        " --model {input.model}"
        " --results {params.results}"
        " --source {params.source:q}"
        " --threads {threads}"
        " --output {output.verdicts}"
        " --table {output.table}"
        " --statistics {output.statistics}"
        " --test {output.test}"
        " --page {output.page}"
        " 2>&1 | tee {log}"


rule monitor:
    input:
        model=f"{RESULTS}/deployed",
        manifest=f"{RESULTS}/manifest.parquet",
        fingerprints=f"{RESULTS}/fingerprints.parquet",
        test=f"{RESULTS}/verdicts.parquet",
        verdicts=lambda wildcards: [
            f"{RESULTS}/applied/{name}.parquet" for name in dataset_of(wildcards).apply
        ],
        statistics=lambda wildcards: [
            f"{RESULTS}/applied/{name}-images.parquet"
            for name in dataset_of(wildcards).apply
        ],
        templates=TEMPLATES,
    output:
        table=f"{RESULTS}/monitor.parquet",
        page=report(
            "reports/{dataset}-monitor.html",
            caption="../report/monitor.rst",
            category="{dataset}",
        ),
        assets=directory("reports/{dataset}-monitor"),
    log:
        "logs/monitor/{dataset}.log",
    benchmark:
        "benchmarks/monitor/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1000, 5),
        runtime=minutes(20, 5),
    params:
        results=PLAN.results_of,
        names=lambda wildcards: to_json(list(dataset_of(wildcards).apply)),
        seed=CONFIG.seed,
        code=code_version("gradewise.deployment.monitor"),
    shell:
        "python -m gradewise.deployment.monitor"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --model {input.model}"
        " --names {params.names:q}"
        " --seed {params.seed}"
        " --output {output.table}"
        " --page {output.page}"
        " 2>&1 | tee {log}"
