# Needs all results of a dataset. Makes its page with tables and figures, and the index of all pages.


rule report:
    input:
        unpack(PLAN.evidence_of),
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
        results=PLAN.results_of,
        studies=PLAN.page_flags,
        seed=CONFIG.seed,
        code=code_version("gradewise.report.report", *sections.names()),
    shell:
        "python -m gradewise.report.report"
        " --results {params.results}"
        " --dataset {wildcards.dataset}"
        " --seed {params.seed}"
        " --output {output.page}"
        " --assets {output.assets}"
        " --summary {output.summary}"
        " {params.studies:q}"
        " 2>&1 | tee {log}"


rule index:
    input:
        summaries=expand(f"{RESULTS}/summary.json", dataset=CONFIG.datasets),
        studies=expand(
            f"{RESULTS}/studies/summary.json",
            dataset=[name for name in CONFIG.datasets if CONFIG.studies_of(name)],
        ),
        templates=TEMPLATES,
    output:
        page=report("reports/index.html", caption="../report/index.rst"),
        assets=directory("reports/index"),
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
        datasets=to_json(list(CONFIG.datasets)),
        studied=to_json([name for name in CONFIG.datasets if CONFIG.studies_of(name)]),
        code=code_version("gradewise.report.index"),
    shell:
        "python -m gradewise.report.index"
        " --results results"
        " --datasets {params.datasets:q}"
        " --studied {params.studied:q}"
        " --output {output.page}"
        " --assets {output.assets}"
        " 2>&1 | tee {log}"
