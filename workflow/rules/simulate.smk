# Needs nothing. Makes the images, labels and masks of a simulated dataset.


rule simulate:
    output:
        directory(f"{RESULTS}/simulated"),
    log:
        "logs/simulate/{dataset}.log",
    benchmark:
        "benchmarks/simulate/{dataset}.jsonl"
    # takes all cores, so that while jobs of other datasets run it could not begin
    priority: 1
    conda:
        "../../envs/gradewise.yaml"
    threads: 8
    resources:
        mem_mb=memory(1500, 0),
        runtime=minutes(15, 0),
    params:
        simulation=lambda wildcards: to_json(dataset_of(wildcards).simulate),
        seed=CONFIG.seed,
        code=code_version("gradewise.simulate.simulate"),
    shell:
        "python -m gradewise.simulate.simulate"
        " --simulation {params.simulation:q}"
        " --seed {params.seed}"
        " --threads {threads}"
        " --output {output}"
        " 2>&1 | tee {log}"
