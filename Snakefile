import shlex
import sys

from snakemake.utils import min_version

from gradewise.forkserver import start
from gradewise.scheduler import look_when_jobs_end
from gradewise.terminal import Terminal, outcome

min_version("9.27")
# Jobs use the package of this folder, also in conda environments, for which Snakemake removes PYTHONPATH, and import
# nothing from the folder they run in, where a user may have a random.py.
PACKAGE = f"{workflow.basedir}/workflow/src"
shell.prefix(
    "set -euo pipefail; "
    + (
        f"export PYTHONSAFEPATH=1 PYTHONPATH={shlex.quote(PACKAGE)}${{PYTHONPATH:+:$PYTHONPATH}}; {start.SHELL}"
    )
    .replace("{", "{{")
    .replace("}", "}}")
)
terminal = Terminal(
    brief=workflow.is_main_process
    and not (workflow.output_settings.dryrun or workflow.output_settings.verbose)
)

# a file given with --configfile replaces the embedded example instead of being merged into it
if not workflow.config_settings.configfiles:

    configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/views.smk"
include: "workflow/rules/families.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/localisation.smk"
include: "workflow/rules/judgement.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/studies.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/deployment.smk"


rule all:
    default_target: True
    input:
        "reports/index.html",
        expand(f"{RESULTS}/prediction.json", dataset=CONFIG.datasets),
        expand(
            f"{RESULTS}/deployed",
            dataset=[
                name for name, dataset in CONFIG.datasets.items() if dataset.deploy
            ],
        ),
        [f"reports/{dataset}-{name}.html" for dataset, name in APPLIED],
        [
            f"reports/{name}-monitor.html"
            for name, dataset in CONFIG.datasets.items()
            if len(dataset.apply) > 1
        ],


onstart:
    look_when_jobs_end(workflow.scheduler)
    start.start(workflow, PACKAGE)


onsuccess:
    if any(job.rule.name == "index" for job in workflow.dag.jobs):
        print(
            outcome(rules.index.input.summaries, rules.index.output.page),
            file=sys.stderr,
        )


onerror:
    print(terminal.failures(), file=sys.stderr)
