from snakemake.utils import min_version

min_version("9.27")

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
include: "workflow/rules/studies.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        "reports/index.html",
