# Needs a dataset's samples, splits, principal components and runs. Makes, for each study, the tables and pictures that
# a published table or figure showed. Networks of a study are trained by the rule of networks; the combinations of any
# other model are one job per repeat. The plan of all studies serves the page; the cells of each study have a plan of
# their own (`of_study` is a slash and its name), so that an edit of a study's text reruns the page and nothing else.


rule plan_studies:
    output:
        f"{RESULTS}/studies{{of_study}}/plan.json",
    log:
        "logs/plan_studies/{dataset}{of_study}.log",
    benchmark:
        "benchmarks/plan_studies/{dataset}{of_study}.jsonl"
    localrule: True
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(500, 0),
        runtime=minutes(5, 0),
    params:
        configfiles=lambda wildcards: CONFIGFILES,
        overrides=lambda wildcards: OVERRIDES,
        study=PLAN.study_flag,
        plan=PLAN.planned_of,
        code=code_version("gradewise.studies.plan_studies"),
    shell:
        "python -m gradewise.studies.plan_studies"
        " --configfiles {params.configfiles:q}"
        " --overrides {params.overrides:q}"
        " --dataset {wildcards.dataset}"
        " {params.study:q}"
        " --output {output}"
        " 2>&1 | tee {log}"


rule vary:
    input:
        plan=f"{STUDY}/plan.json",
        samples=PLAN.samples_of_cells,
        components=PLAN.components_of_cells,
        splits=f"{RESULTS}/splits.parquet",
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        predictions=f"{STUDY}/{{repeat}}/predictions.parquet",
        runs=f"{STUDY}/{{repeat}}/runs.json",
    log:
        "logs/vary/{dataset}/{study}/{repeat}.log",
    benchmark:
        "benchmarks/vary/{dataset}/{study}/{repeat}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    threads: PLAN.varying.threads
    resources:
        mem_mb=PLAN.varying.memory,
        runtime=PLAN.varying.minutes,
        gpu=PLAN.varying.gpus if GPUS else 0,
    params:
        results=PLAN.results_of,
        classes=classes_of,
        folder=lambda wildcards, output: Path(output.runs).parent,
        seed=CONFIG.seed,
        code=lambda wildcards: code_version(
            "gradewise.studies.vary", PLAN.module_of_cells(wildcards)
        ),
    shell:
        "python -m gradewise.studies.vary"
        " --results {params.results}"
        " --dataset {wildcards.dataset}"
        " --study {wildcards.study}"
        " --repeat {wildcards.repeat}"
        " --classes {params.classes:q}"
        " --seed {params.seed}"
        " --threads {threads}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule summarise:
    input:
        unpack(PLAN.runs_of_cells),
        plan=f"{STUDY}/plan.json",
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        cells=f"{STUDY}/cells.parquet",
        agreements=f"{STUDY}/agreements.parquet",
        curves=f"{STUDY}/curves.parquet",
    log:
        "logs/summarise/{dataset}/{study}.log",
    benchmark:
        "benchmarks/summarise/{dataset}/{study}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(800, 10),
        runtime=minutes(10, 30),
    params:
        results=PLAN.results_of,
        classes=classes_of,
        positive=lambda wildcards: dataset_of(wildcards).positive or "",
        aggregate=lambda wildcards: to_json(dataset_of(wildcards).aggregate),
        costs=lambda wildcards: to_json(dataset_of(wildcards).verdict_costs),
        folder=lambda wildcards, output: Path(output.cells).parent,
        code=code_version("gradewise.studies.summarise"),
    shell:
        "python -m gradewise.studies.summarise"
        " --results {params.results}"
        " --study {wildcards.study}"
        " --classes {params.classes:q}"
        " --positive={params.positive:q}"
        " --aggregate {params.aggregate:q}"
        " --costs {params.costs:q}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule feature_maps:
    input:
        model=PLAN.files_shown,
        samples=PLAN.samples_shown,
    output:
        maps=f"{STUDY}/maps.npz",
        shown=f"{STUDY}/maps.parquet",
    log:
        "logs/feature_maps/{dataset}/{study}.log",
    benchmark:
        "benchmarks/feature_maps/{dataset}/{study}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1500, 2),
        runtime=minutes(10, 10),
    params:
        model=PLAN.run_shown,
        layers=lambda wildcards: to_json(PLAN.study_of(wildcards).layers),
        folder=lambda wildcards, output: Path(output.maps).parent,
        code=code_version("gradewise.studies.kinds.feature_maps.feature_maps"),
    shell:
        "python -m gradewise.studies.kinds.feature_maps.feature_maps"
        " --model {params.model}"
        " --samples {input.samples}"
        " --layers {params.layers:q}"
        " --threads {threads}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule explain:
    input:
        model=PLAN.files_shown,
        samples=PLAN.samples_shown,
        manifest=f"{RESULTS}/manifest.parquet",
    output:
        maps=f"{STUDY}/explanations.npz",
        shown=f"{STUDY}/shown.parquet",
        explanations=f"{STUDY}/explanations.parquet",
        weight=f"{STUDY}/weight_on_regions.parquet",
    log:
        "logs/explain/{dataset}/{study}.log",
    benchmark:
        "benchmarks/explain/{dataset}/{study}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1500, 2),
        runtime=minutes(30, 10),
    params:
        model=PLAN.run_shown,
        methods=lambda wildcards: to_json(PLAN.study_of(wildcards).methods),
        each=lambda wildcards: PLAN.study_of(wildcards).each,
        objects=PLAN.objects_of,
        folder=lambda wildcards, output: Path(output.maps).parent,
        seed=CONFIG.seed,
        code=code_version("gradewise.studies.kinds.explanations.explain"),
    shell:
        "python -m gradewise.studies.kinds.explanations.explain"
        " --model {params.model}"
        " --samples {input.samples}"
        " --manifest {input.manifest}"
        " --methods {params.methods:q}"
        " --each {params.each}"
        " --seed {params.seed}"
        " --threads {threads}"
        " --output {params.folder}"
        " {params.objects:q}"
        " 2>&1 | tee {log}"


rule embed:
    input:
        model=PLAN.files_shown,
        features=PLAN.features_shown,
    output:
        embedding=f"{STUDY}/embedding.parquet",
        separation=f"{STUDY}/separation.parquet",
    log:
        "logs/embed/{dataset}/{study}.log",
    benchmark:
        "benchmarks/embed/{dataset}/{study}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1500, 2),
        runtime=minutes(30, 0),
    params:
        model=PLAN.run_shown,
        dimensions=lambda wildcards: to_json(PLAN.study_of(wildcards).dimensions),
        perplexity=lambda wildcards: PLAN.study_of(wildcards).perplexity,
        folder=lambda wildcards, output: Path(output.embedding).parent,
        seed=CONFIG.seed,
        code=code_version("gradewise.studies.kinds.embedding.embed"),
    shell:
        "python -m gradewise.studies.kinds.embedding.embed"
        " --model {params.model}"
        " --features {input.features}"
        " --dimensions {params.dimensions:q}"
        " --perplexity {params.perplexity}"
        " --seed {params.seed}"
        " --threads {threads}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule scaling:
    input:
        runs=PLAN.runs_of_all_sizes,
        plan=f"{RESULTS}/plan/runs.json",
    output:
        growth=f"{STUDY}/growth.parquet",
        exponents=f"{STUDY}/exponents.parquet",
    log:
        "logs/scaling/{dataset}/{study}.log",
    benchmark:
        "benchmarks/scaling/{dataset}/{study}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(600, 1),
        runtime=minutes(5, 0),
    params:
        results=PLAN.results_of,
        folder=lambda wildcards, output: Path(output.growth).parent,
        code=code_version("gradewise.studies.kinds.scaling.scaling"),
    shell:
        "python -m gradewise.studies.kinds.scaling.scaling"
        " --results {params.results}"
        " --output {params.folder}"
        " 2>&1 | tee {log}"


rule pretraining:
    input:
        verdicts=PLAN.verdicts_of_shares,
        plan=f"{RESULTS}/plan/runs.json",
    output:
        f"{STUDY}/savings.parquet",
    log:
        "logs/pretraining/{dataset}/{study}.log",
    benchmark:
        "benchmarks/pretraining/{dataset}/{study}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(800, 5),
        runtime=minutes(5, 10),
    params:
        results=PLAN.results_of,
        scratch=lambda wildcards: to_json(PLAN.by_pretraining(wildcards)[0]),
        pretrained=lambda wildcards: to_json(PLAN.by_pretraining(wildcards)[1]),
        seed=CONFIG.seed,
        code=code_version("gradewise.studies.kinds.pretraining.pretraining"),
    shell:
        "python -m gradewise.studies.kinds.pretraining.pretraining"
        " --dataset {wildcards.dataset}"
        " --results {params.results}"
        " --scratch {params.scratch:q}"
        " --pretrained {params.pretrained:q}"
        " --seed {params.seed}"
        " --output {output}"
        " 2>&1 | tee {log}"


rule study_page:
    input:
        unpack(PLAN.evidence_of),
        shown=PLAN.shown_samples,
        results=PLAN.step_files,
        plan=f"{RESULTS}/studies/plan.json",
        models=PLAN.model_files,
        templates=TEMPLATES,
    output:
        page=report(
            "reports/{dataset}-studies.html",
            caption="../report/study_page.rst",
            category="{dataset}",
        ),
        assets=report(
            directory("reports/{dataset}-studies"),
            patterns=["{figure}.svg"],
            caption="../report/study_figure.rst",
            category="{dataset}",
            subcategory="studies",
            labels={"figure": "{figure}"},
        ),
        summary=f"{RESULTS}/studies/summary.json",
    log:
        "logs/study_page/{dataset}.log",
    benchmark:
        "benchmarks/study_page/{dataset}.jsonl"
    conda:
        "../../envs/gradewise.yaml"
    resources:
        mem_mb=memory(1500, 2),
        runtime=minutes(15, 30),
    params:
        results=PLAN.results_of,
        seed=CONFIG.seed,
        code=code_version("gradewise.studies.study_page"),
    shell:
        "python -m gradewise.studies.study_page"
        " --results {params.results}"
        " --dataset {wildcards.dataset}"
        " --seed {params.seed}"
        " --output {output.page}"
        " --assets {output.assets}"
        " --summary {output.summary}"
        " --report_page reports/{wildcards.dataset}.html"
        " 2>&1 | tee {log}"
