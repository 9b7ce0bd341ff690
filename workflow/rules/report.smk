# Needs everything found out about a dataset. Makes its page with tables and figures, and the index of all pages.


rule report:
    input:
        unpack(further_evidence),
        manifest=f"{RESULTS}/manifest.parquet",
        quarantine=f"{RESULTS}/quarantine.csv",
        splits=f"{RESULTS}/splits.parquet",
        metrics=f"{RESULTS}/metrics.parquet",
        comparisons=f"{RESULTS}/comparisons.parquet",
        verdicts=f"{RESULTS}/verdicts.parquet",
        calibration=f"{RESULTS}/calibration.parquet",
        subgroups=f"{RESULTS}/subgroups.parquet",
        audit=f"{RESULTS}/audit.parquet",
        runs=of_all_runs("run.json"),
        predictions=of_all_runs("predictions.parquet"),
        views=views_of,
        templates=TEMPLATES,
    output:
        page=report(
            "reports/{dataset}.html",
            caption="../report/page.rst",
            category="{dataset}",
        ),
        assets=report(
            directory("reports/{dataset}"),
            patterns=["{figure}.svg"],
            caption="../report/figure.rst",
            category="{dataset}",
            labels={"figure": "{figure}"},
        ),
        summary=f"{RESULTS}/summary.json",
    log:
        "logs/report/{dataset}.log",
    benchmark:
        "benchmarks/report/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1000, 2),
        runtime=minutes(10, 30),
    params:
        settings=lambda wildcards: to_json(dataset_of(wildcards)),
        runs=lambda wildcards, input: to_json(list(input.runs)),
        predictions=lambda wildcards, input: to_json(list(input.predictions)),
        views=lambda wildcards, input: to_json(list(input.views)),
        further=further_flags,
        seed=CONFIG.seed,
        code=code_version("gradewise.report.report"),
    shell:
        "python -m gradewise.report.report"
        " --dataset {wildcards.dataset}"
        " --settings {params.settings:q}"
        " --seed {params.seed}"
        " --manifest {input.manifest}"
        " --quarantine {input.quarantine}"
        " --splits {input.splits}"
        " --metrics {input.metrics}"
        " --comparisons {input.comparisons}"
        " --verdicts {input.verdicts}"
        " --calibration {input.calibration}"
        " --subgroups {input.subgroups}"
        " --findings {input.audit}"
        " --runs {params.runs:q}"
        " --predictions {params.predictions:q}"
        " --views {params.views:q}"
        " --output {output.page}"
        " --assets {output.assets}"
        " --summary {output.summary}"
        " {params.further:q}"
        " 2>&1 | tee {log}"


rule index:
    input:
        summaries=expand(f"{RESULTS}/summary.json", dataset=CONFIG.datasets),
        templates=TEMPLATES,
    output:
        report("reports/index.html", caption="../report/index.rst"),
    log:
        "logs/index.log",
    benchmark:
        "benchmarks/index.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(500, 1),
        runtime=minutes(5, 0),
    params:
        summaries=lambda wildcards, input: to_json(list(input.summaries)),
        code=code_version("gradewise.report.index"),
    shell:
        "python -m gradewise.report.index"
        " --summaries {params.summaries:q}"
        " --output {output}"
        " 2>&1 | tee {log}"
