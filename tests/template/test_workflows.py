"""The workflows in .github: what they may do, what they run, and that nothing in them moves by itself."""

import copy
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.settings import ROOT

Workflow = dict[str, Any]

FOLDER = ROOT / ".github" / "workflows"
# BaseLoader reads `on` as the word that it is, and every value as text.
WORKFLOWS: dict[str, Workflow] = {
    path.name: yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    for path in sorted(FOLDER.iterdir())
}
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
LONGEST_MINUTES = 60
MAY_WRITE = {
    ("deploy.yaml", "staging"): {"id-token"},
    ("deploy.yaml", "prod"): {"id-token"},
    ("deploy.yaml", "release"): {"contents", "id-token", "attestations"},
    ("upgrade.yaml", "propose"): {"contents", "pull-requests", "actions"},
}
HAS_THE_TOKEN = {"make release", "make propose-upgrade"}
"""Steps that act at GitHub. They install nothing, and the Makefile says so."""


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def problems(name: str, workflow: Workflow) -> Iterator[str]:
    if workflow.get("permissions") != {"contents": "read"}:
        yield "the workflow's permissions are not contents: read alone"
    if not workflow.get("concurrency", {}).get("group"):
        yield "it has no concurrency group"
    if {"pull_request_target", "workflow_run"} & set(workflow["on"]):
        yield "it gives a stranger's pull request this repository's rights"
    for job_name, job in workflow["jobs"].items():
        for problem in job_problems(job, MAY_WRITE.get((name, job_name), set())):
            yield f"{job_name}: {problem}"


def job_problems(job: Workflow, may_write: set[str]) -> Iterator[str]:
    writes = {right for right, how in job.get("permissions", {}).items() if how != "read"}
    if writes != may_write:
        yield f"it may write {sorted(writes)} and should {sorted(may_write)}"
    if "uses" in job:
        if not job["uses"].startswith("./"):
            yield f"{job['uses']} is a workflow of somebody else"
        return
    if not 0 < int(job.get("timeout-minutes", 0)) <= LONGEST_MINUTES:
        yield "it has no time-out, or a long one"
    for step in job["steps"]:
        yield from step_problems(step)
    yield from role_problems(job)
    scripts = {step["run"] for step in job["steps"] if "run" in step}
    if "contents" in writes and not scripts <= HAS_THE_TOKEN:
        yield f"what may write to the repository does more than that: {sorted(scripts)}"


def role_problems(job: Workflow) -> Iterator[str]:
    """What is installed is installed before the job may do anything in AWS, and is what operating takes."""
    taken = [number for number, step in enumerate(job["steps"]) if step.get("uses", "").startswith("aws-")]
    if not taken:
        return
    if job.get("env", {}).get("REQUIREMENTS") != "requirements-ops.lock":
        yield "what has the role installs more than operating takes"
    before = [step["run"] for step in job["steps"][: taken[0]] if "run" in step]
    if before != ["make setup", "make build"]:
        yield "it does not install and build before it takes the role"
    for step in job["steps"][taken[0] + 1 :]:
        if not step.get("run", "").startswith("make deploy-built "):
            yield f"with the role it does more than deploy: {step}"


def step_problems(step: Workflow) -> Iterator[str]:
    used = step.get("uses", "")
    if used and not PINNED.fullmatch(used):
        yield f"{used} is not pinned by its commit"
    if used.startswith("actions/checkout@") and step.get("with", {}).get("persist-credentials") != "false":
        yield "the token stays in the checked-out folder"
    if used.startswith("aws-actions/") and {"aws-access-key-id", "aws-secret-access-key"} & set(step["with"]):
        yield "it has a key for AWS, and not a role"
    script = step.get("run", "")
    if script not in HAS_THE_TOKEN and re.search(r"github\.token|secrets\.", str(step)):
        yield f"it is given a token: {script or used}"
    if "github.event" in script or "github.head_ref" in script:
        yield f"somebody else's words become a command: {script}"
    if script.startswith("make "):
        words = [word for word in script.split()[1:] if "=" not in word]
        yield from (f"there is no target {word}" for word in words if word not in targets())
    elif script:
        yield f"not a target of the Makefile: {script}"


def recipes(makefile: str) -> dict[str, str]:
    """By target: its prerequisites and its recipe."""
    return {
        found[1]: found[0] for found in re.finditer(r"^([a-z-]+):.*\n(?:\t.*\n)*", makefile, re.MULTILINE)
    }


def installing(makefile: str) -> list[str]:
    """Each command that installs packages, with its continuation lines."""
    joined = makefile.replace("\\\n", " ")
    return [line for line in joined.splitlines() if re.search(r"\bpip (install|sync)\b", line)]


@pytest.mark.parametrize("target", ["deploy-built", "release", "propose-upgrade"])
def test_what_has_the_role_or_the_token_installs_nothing(target: str) -> None:
    own = recipes((ROOT / "Makefile").read_text(encoding="utf-8"))[target]
    assert own.startswith(f"{target}: ## ")  # no prerequisites
    assert not re.search(r"\$\(READY\)|\$\(MAKE\)|\bpip\b|\bsam\b", own)


def test_whatever_installs_takes_wheels_with_the_locked_hashes() -> None:
    """So no package's own code runs while it is installed."""
    patterns = ("Makefile", "*/Makefile", "layers/*/Makefile", "local/*.sh")
    files = [file for pattern in patterns for file in ROOT.glob(pattern)]
    commands = [line for file in files for line in installing(file.read_text(encoding="utf-8"))]
    assert len(commands) >= 7
    loose = [
        line
        for line in commands
        if "--require-hashes" not in line or not re.search(r"--only-binary :all:|\$\(WHEELS_ONLY\)", line)
    ]
    assert loose == []


@pytest.mark.parametrize(
    ("system", "requirements", "expected"),
    [
        ("Linux", "requirements.lock", True),
        ("Linux", "requirements-ops.lock", True),
        ("Darwin", "requirements-ops.lock", True),
        ("Darwin", "requirements.lock", False),  # awslambdaric, which only tests take, has no wheel for macOS
    ],
)
def test_where_setting_up_takes_wheels_alone(
    tmp_path: Path, system: str, requirements: str, expected: bool
) -> None:
    (tmp_path / "uname").write_text(f"#!/bin/sh\necho {system}\n")
    (tmp_path / "uname").chmod(0o755)
    command = ["make", "--dry-run", "--always-make", "setup", f"REQUIREMENTS={requirements}"]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    said = subprocess.check_output(command, cwd=ROOT, env=environment, text=True)
    (sync,) = [line for line in said.splitlines() if "pip sync" in line]
    assert sync.endswith(requirements)
    assert ("--only-binary :all:" in sync) is expected


class AtGitHub:
    """A clone of a repository with this Makefile, and a `gh` that notes what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.origin, self.clone, self.asked = folder / "origin.git", folder / "clone", folder / "asked"
        self.environment = {
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "HOME": str(folder),
            "GITHUB_REF_NAME": "v9.9.9",
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@shop.example",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@shop.example",
        }
        (folder / "bin").mkdir()
        self.gh("exit 0")
        self.run("git", "init", "--quiet", "--bare", str(self.origin), cwd=folder)
        self.run("git", "clone", "--quiet", str(self.origin), str(self.clone), cwd=folder)
        (self.clone / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
        (self.clone / "requirements.lock").write_text("package==1\n")
        self.run("git", "add", ".")
        self.run("git", "commit", "--quiet", "--message", "first")

    def gh(self, does: str) -> None:
        self.asked.write_text("")
        command = self.clone.parent / "bin" / "gh"
        command.write_text(f'#!/bin/sh\necho "$*" >>{self.asked}\n{does}\n')
        command.chmod(0o755)

    def run(self, *command: str, cwd: Path | None = None) -> str:
        return subprocess.check_output(command, cwd=cwd or self.clone, env=self.environment, text=True)

    def calls(self) -> list[str]:
        return [" ".join(line.split()[:2]) for line in self.asked.read_text().splitlines()]


@pytest.fixture
def at_github(tmp_path: Path) -> AtGitHub:
    return AtGitHub(tmp_path)


def test_newer_locks_become_a_branch_a_pull_request_and_a_check(at_github: AtGitHub) -> None:
    at_github.run("make", "propose-upgrade")
    assert at_github.calls() == []  # nothing is newer
    (at_github.clone / "requirements.lock").write_text("package==2\n")
    at_github.run("make", "propose-upgrade")
    assert at_github.calls() == ["auth setup-git", "pr list", "pr create", "workflow run"]
    pushed = at_github.run("git", "show", "upgrade-locks:requirements.lock", cwd=at_github.origin)
    assert pushed == "package==2\n"


def test_an_open_pull_request_gets_the_newest_locks(at_github: AtGitHub) -> None:
    at_github.gh("""case "$1 $2" in "pr list") echo '[{"number": 7}]';; esac""")
    for version in ("2", "3"):
        (at_github.clone / "requirements.lock").write_text(f"package=={version}\n")
        at_github.run("make", "propose-upgrade")
    assert "pr create" not in at_github.calls()
    pushed = at_github.run("git", "show", "upgrade-locks:requirements.lock", cwd=at_github.origin)
    assert pushed == "package==3\n"


def test_a_release_is_made_once_and_gets_its_files(at_github: AtGitHub) -> None:
    (at_github.clone / "dist").mkdir()
    (at_github.clone / "dist" / "sbom.cdx.json").touch()
    at_github.run("make", "release")
    assert (
        at_github.asked.read_text().splitlines()[-1] == "release upload v9.9.9 dist/sbom.cdx.json --clobber"
    )
    assert at_github.calls() == ["release view", "release upload"]
    at_github.gh("""case "$1 $2" in "release view") exit 1;; esac""")
    at_github.run("make", "release")
    assert at_github.calls() == ["release view", "release create", "release upload"]


def all_problems(workflows: dict[str, Workflow]) -> list[str]:
    return [f"{name}: {problem}" for name, one in workflows.items() for problem in problems(name, one)]


def test_the_workflows_hold_every_rule() -> None:
    assert WORKFLOWS.keys() == {"audit.yaml", "check.yaml", "deploy.yaml", "upgrade.yaml"}
    assert all_problems(WORKFLOWS) == []


def test_every_pin_says_which_release_it_is() -> None:
    for path in FOLDER.iterdir():
        for line in path.read_text(encoding="utf-8").splitlines():
            if re.search(r"uses: [^.]", line):
                assert re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_the_check_runs_on_every_change_with_the_locked_python() -> None:
    check = WORKFLOWS["check.yaml"]
    assert set(check["on"]) == {"push", "pull_request", "workflow_call", "workflow_dispatch"}
    assert check["on"]["push"] == {"branches": ["**"]}
    steps = check["jobs"]["check"]["steps"]
    assert steps[-1]["run"] == "make check"
    assert steps[1]["with"]["python-version"] == (ROOT / ".python-version").read_text().strip()
    (cache,) = [step for step in steps if step.get("uses", "").startswith("actions/cache@")]
    assert "hashFiles('requirements.lock')" in cache["with"]["key"]


def test_a_tag_goes_through_check_and_staging_to_prod() -> None:
    deploy = WORKFLOWS["deploy.yaml"]
    assert deploy["on"]["push"] == {"tags": ["v*"]}
    jobs = deploy["jobs"]
    assert {name: job.get("needs") for name, job in jobs.items()} == {
        "check": None,
        "package": "check",
        "release": "package",
        "staging": "check",
        "prod": "staging",
    }
    for stage in ("staging", "prod"):
        assert jobs[stage]["environment"] == stage
        assert f"STAGE={stage}" in jobs[stage]["steps"][-1]["run"].split()
        assert "actions/cache" not in str(jobs[stage])
        (assume,) = [step for step in jobs[stage]["steps"] if step.get("uses", "").startswith("aws-actions/")]
        assert assume["with"] == {
            "role-to-assume": "${{ vars.AWS_ROLE_ARN }}",
            "aws-region": "${{ vars.AWS_REGION }}",
        }


def step_of(job: Workflow, action: str) -> Workflow:
    step: Workflow
    (step,) = [step for step in job["steps"] if step.get("uses", "").startswith(f"{action}@")]
    return step


def test_a_tags_release_has_the_build_and_its_bill_of_materials_with_their_provenance() -> None:
    package, release = (WORKFLOWS["deploy.yaml"]["jobs"][name] for name in ("package", "release"))
    assert package["if"] == "${{ github.ref_type == 'tag' }}"
    assert package["env"]["REQUIREMENTS"] == "requirements-release.lock"
    assert [step["run"] for step in package["steps"] if "run" in step] == [
        "make setup",
        "make build",
        "make package",
    ]
    handed_on = step_of(package, "actions/upload-artifact")["with"]
    taken = step_of(release, "actions/download-artifact")["with"]
    assert (
        (handed_on["name"], handed_on["path"]) == (taken["name"], f"{taken['path']}/") == ("release", "dist/")
    )
    signed = step_of(release, "actions/attest-build-provenance")
    assert signed["with"] == {"subject-path": "dist/*"}
    assert release["steps"].index(signed) < len(release["steps"]) - 1
    assert release["steps"][-1]["run"] == "make release"


def test_the_bill_of_materials_is_of_everything_that_builds_install() -> None:
    """Each file that a Makefile of functions/ or layers/ installs from."""
    makefiles = [*ROOT.glob("functions/Makefile"), *ROOT.glob("layers/*/Makefile")]
    installed = {
        name
        for file in makefiles
        for line in installing(file.read_text())
        for name in re.findall(r"\S+\.txt", line)
    }
    assert {Path(name).name for name in installed} == {"requirements.txt", "fonts.txt"}
    listed = ["make", "--silent", "--eval", "list: ; @echo $(SHIPPED)", "list"]
    shipped = subprocess.check_output(listed, cwd=ROOT, text=True).split()
    there = {
        path.relative_to(ROOT).as_posix()
        for folder in ("functions", "layers")
        for path in (ROOT / folder).rglob("*.txt")
        if path.name in {"requirements.txt", "fonts.txt"}
    }
    assert set(shipped) == there


def test_vulnerabilities_are_looked_up_every_day_and_where_a_lock_changes() -> None:
    audit = WORKFLOWS["audit.yaml"]
    assert set(audit["on"]) == {"schedule", "pull_request", "workflow_dispatch"}
    assert [one["cron"].split()[2:] for one in audit["on"]["schedule"]] == [["*", "*", "*"]]
    assert audit["jobs"]["audit"]["env"]["REQUIREMENTS"] == "requirements-release.lock"
    assert audit["jobs"]["audit"]["steps"][-1]["run"] == "make audit"
    recipe = recipes((ROOT / "Makefile").read_text(encoding="utf-8"))["audit"]
    assert "-r requirements.lock -r requirements-release.lock" in recipe
    assert "audit --package-lock-only" in recipe
    patterns = audit["on"]["pull_request"]["paths"]
    for lock in LOCKS:
        assert any(Path(lock).full_match(pattern) for pattern in patterns), lock


LOCKS = [
    "requirements.lock",
    "requirements-ops.lock",
    "requirements-release.lock",
    "layers/dependencies/requirements.txt",
    "functions/render_evidence/requirements.txt",
    "functions/render_evidence/fonts.txt",
    "clients/javascript/package-lock.json",
]


def test_every_week_the_python_locks_are_written_anew_and_proposed() -> None:
    upgrade = WORKFLOWS["upgrade.yaml"]
    assert [one["cron"].split()[4] for one in upgrade["on"]["schedule"]] == ["1"]
    lock, propose = upgrade["jobs"]["lock"], upgrade["jobs"]["propose"]
    assert lock["steps"][-2]["run"] == "make upgrade"
    assert (propose["needs"], propose["steps"][-1]["run"]) == ("lock", "make propose-upgrade")
    handed_on = step_of(lock, "actions/upload-artifact")["with"]
    assert step_of(propose, "actions/download-artifact")["with"] == {"name": handed_on["name"]}
    patterns = handed_on["path"].split()
    recipe = recipes((ROOT / "Makefile").read_text(encoding="utf-8"))["lock"].replace("\\\n", " ")
    written = {line.rpartition(" -o ")[2]: line for line in recipe.splitlines() if " -o " in line}
    assert len(written) == 6
    # The others hold nothing that requirements.lock does not.
    own = {name for name, command in written.items() if "$(UPGRADE)" in command}
    assert own == {"requirements.lock", "requirements-release.lock"}
    for name in written:
        assert any(Path(name).full_match(pattern) for pattern in patterns), name


def test_dependabot_updates_what_the_weekly_locks_leave_out() -> None:
    dependabot = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))
    assert dependabot["version"] == 2
    updates = {one["package-ecosystem"]: one for one in dependabot["updates"]}
    assert {name: one["directory"] for name, one in updates.items()} == {
        "github-actions": "/",
        "npm": "/clients/javascript",
    }
    assert (ROOT / "clients" / "javascript" / "package-lock.json").exists()
    for one in updates.values():
        assert one["schedule"] == {"interval": "weekly"}
        assert one["cooldown"] == {"default-days": 7}


def test_a_tag_that_waits_for_its_reviewers_holds_up_no_way_back() -> None:
    """A group is held while a run or a job waits, too:
    https://docs.github.com/en/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency"""
    deploy = WORKFLOWS["deploy.yaml"]
    assert deploy["concurrency"] == {
        # also not the way back to a tag that was only just made, whose own run is still checking it
        "group": "deploy-${{ github.ref }}${{ inputs.only_prod && '-only-prod' || '' }}",
        "cancel-in-progress": "false",
    }
    jobs = deploy["jobs"]
    assert jobs["staging"]["concurrency"] == {"group": "deploy-staging", "cancel-in-progress": "false"}
    assert "concurrency" not in jobs["prod"]


def test_an_earlier_tag_goes_back_to_prod_without_check_or_staging_and_only_by_hand() -> None:
    """What is skipped skips what needs it, unless that has a condition with a status function in it:
    https://docs.github.com/en/actions/reference/workflows-and-actions/expressions#status-check-functions"""
    deploy = WORKFLOWS["deploy.yaml"]
    asked = deploy["on"]["workflow_dispatch"]["inputs"]
    assert asked.keys() == {"only_prod"}
    assert (asked["only_prod"]["type"], asked["only_prod"]["default"]) == ("boolean", "false")
    documented = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    assert re.findall(r"^gh .*", documented, re.MULTILINE) == [
        "gh workflow run deploy.yaml --ref v0.1.0 -f only_prod=true"
    ]
    jobs = deploy["jobs"]
    assert jobs["check"]["if"] == "${{ !inputs.only_prod }}"
    assert "if" not in jobs["staging"]
    assert jobs["prod"]["env"]["DEPLOY_OPTIONS"] == (
        "--no-confirm-changeset ${{ inputs.only_prod && '--at-once' || '' }}"
    )
    assert jobs["prod"]["if"] == (
        "${{ !cancelled() && (needs.staging.result == 'success' || inputs.only_prod) }}"
    )


def test_the_called_workflow_does_not_wait_for_its_caller() -> None:
    groups = [one["concurrency"]["group"] for one in WORKFLOWS.values()]
    groups.append(WORKFLOWS["deploy.yaml"]["jobs"]["staging"]["concurrency"]["group"])
    assert len({group.partition("$")[0] for group in groups}) == len(groups)
    assert not any("github.workflow" in group for group in groups)


def prod(workflows: dict[str, Workflow]) -> Workflow:
    job: Workflow = workflows["deploy.yaml"]["jobs"]["prod"]
    return job


def taking_the_role(workflows: dict[str, Workflow]) -> Workflow:
    step: Workflow = prod(workflows)["steps"][-2]
    return step


@pytest.mark.parametrize(
    ("doctor", "problem"),
    [
        (lambda w: w["check.yaml"].pop("permissions"), "permissions are not contents: read alone"),
        (lambda w: w["check.yaml"]["permissions"].update(packages="write"), "contents: read alone"),
        (lambda w: w["check.yaml"]["jobs"]["check"].update(permissions={"id-token": "write"}), "may write"),
        (lambda w: prod(w)["permissions"].update(contents="write"), "may write ['contents', 'id-token']"),
        (lambda w: w["check.yaml"].pop("concurrency"), "no concurrency group"),
        (lambda w: w["check.yaml"]["on"].update(pull_request_target=""), "stranger's pull request"),
        (
            lambda w: w["deploy.yaml"]["jobs"]["release"]["steps"].insert(0, {"run": "make setup"}),
            "more than that",
        ),
        (
            lambda w: w["deploy.yaml"]["jobs"]["package"].update(permissions={"contents": "write"}),
            "may write",
        ),
        (
            lambda w: w["audit.yaml"]["jobs"]["audit"]["steps"][-1].update(env={"T": "${{ secrets.T }}"}),
            "a token",
        ),
        (lambda w: prod(w).pop("timeout-minutes"), "no time-out"),
        (lambda w: prod(w).update({"timeout-minutes": "600"}), "or a long one"),
        (lambda w: prod(w)["steps"][1].update(uses="actions/setup-python@v5"), "not pinned"),
        (lambda w: prod(w)["steps"][0].pop("with"), "the token stays"),
        (lambda w: taking_the_role(w)["with"].update({"aws-access-key-id": "x"}), "a key for AWS"),
        (lambda w: prod(w)["steps"][-1].update(run="make deployed STAGE=prod"), "no target deployed"),
        (lambda w: prod(w)["steps"][-1].update(run="sam deploy"), "not a target of the Makefile"),
        (lambda w: prod(w)["steps"][-1].update(run="make ${{ github.event.x }}"), "words become a command"),
        (lambda w: w["deploy.yaml"]["jobs"]["check"].update(uses="a/b/c.yaml@main"), "of somebody else"),
        (lambda w: prod(w).pop("env"), "installs more than operating takes"),
        (lambda w: prod(w)["steps"].pop(2), "before it takes the role"),
        (lambda w: prod(w)["steps"].insert(2, prod(w)["steps"].pop(-2)), "before it takes the role"),
        (lambda w: prod(w)["steps"][-1].update(run="make deploy STAGE=prod"), "more than deploy"),
        (lambda w: prod(w)["steps"].append({"run": "make setup"}), "more than deploy"),
    ],
)
def test_each_rule_can_fail(doctor: Callable[[dict[str, Workflow]], object], problem: str) -> None:
    doctored = copy.deepcopy(WORKFLOWS)
    doctor(doctored)
    assert problem in "\n".join(all_problems(doctored))
