"""`sam local`: functions in containers, as on AWS, with the running local stack behind them.

SAM takes a function's variables from a file, but only those that its template declares. So this writes both.
The template is the one built for this machine, with AWS's address among the variables and the deployed values
as its parameters. The file has the variables of each deployed function, with addresses that a container can
reach.
"""

import ipaddress
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from local import aws, deployment, environment, relay, stack
from local.progress import say
from local.settings import HOST, ROOT, STACK_NAME, Settings

CONTAINERS_HOST = "host.docker.internal"
FUNCTION = "AWS::Serverless::Function"
LAYER = "AWS::Serverless::LayerVersion"

Template = dict[str, Any]


class NotPossible(Exception):
    """Something is missing. The message says what to do."""


def run(settings: Settings, arguments: Sequence[str]) -> int:
    """`sam local` with these arguments. Returns its exit code. Raises NotPossible."""
    if stack.read(settings) is None:
        raise NotPossible("The stack is down: make up")
    template, variables = write(settings)
    own = ["--template-file", str(template), "--env-vars", str(variables)]
    ports = [settings.aws_port, *([] if settings.uses_real_stripe else [settings.stripe_port])]
    bridge = bridge_address()
    with relay.relayed(bridge, ports) as needed:
        reaching = ["--add-host", f"{CONTAINERS_HOST}:{bridge}"] if needed else []
        command = [str(Path(sys.executable).with_name("sam")), "local", *arguments[:1], *own, *reaching]
        return _attended([*command, *arguments[1:]], _environment(settings))


def _attended(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run it until it ends, and end with it: when told to stop, SAM still has containers to remove."""
    with subprocess.Popen(command, cwd=ROOT, env=environ) as sam:
        signal.signal(signal.SIGTERM, lambda *_: sam.terminate())
        return sam.wait()


def write(settings: Settings) -> tuple[Path, Path]:
    """Write the template and the variables of the deployed stack. Returns their paths."""
    template_file = settings.state / "sam-local-template.json"
    variables_file = settings.state / "sam-local-env.json"
    built = deployment.build(settings)
    described = aws.client(settings, "cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in described["Parameters"]}
    template = for_containers(yaml.safe_load(built.read_text()), built.parent, parameters)
    template_file.write_text(json.dumps(template, indent=2))
    variables_file.touch(mode=0o600)
    variables_file.write_text(json.dumps(variables(settings, deployed(settings)), indent=2))
    return template_file, variables_file


def for_containers(template: Template, built_in: Path, parameters: Mapping[str, str]) -> Template:
    """The built template with absolute paths, the deployed parameters and one more variable."""
    for name, value in parameters.items():
        if name in template["Parameters"]:
            template["Parameters"][name]["Default"] = value
    common = template["Globals"]["Function"]["Environment"]["Variables"]
    common["AWS_ENDPOINT_URL"] = ""  # declared, or SAM ignores the file's value
    for resource in template["Resources"].values():
        place = {FUNCTION: "CodeUri", LAYER: "ContentUri"}.get(resource["Type"])
        if place:
            resource["Properties"][place] = str((built_in / resource["Properties"][place]).resolve())
    return template


def deployed(settings: Settings) -> Iterator[tuple[str, dict[str, str]]]:
    """Each deployed function's logical id and variables."""
    resources = aws.client(settings, "cloudformation").describe_stack_resources(StackName=STACK_NAME)
    functions = aws.client(settings, "lambda")
    for resource in resources["StackResources"]:
        if resource["ResourceType"] == "AWS::Lambda::Function":
            found = functions.get_function_configuration(FunctionName=resource["PhysicalResourceId"])
            yield resource["LogicalResourceId"], found.get("Environment", {}).get("Variables", {})


def variables(
    settings: Settings, functions: Iterator[tuple[str, dict[str, str]]]
) -> dict[str, dict[str, str]]:
    """The variables by function, with addresses of AWS and Stripe that a container can reach.

    The storefront's address stays: a browser goes there, not a function.
    """
    return {
        logical_id: {
            name: _led_to_the_host(value, settings.aws_port, settings.stripe_port)
            for name, value in sorted({**given, "AWS_ENDPOINT_URL": settings.aws_url}.items())
        }
        for logical_id, given in functions
    }


def _led_to_the_host(value: str, *ports: int) -> str:
    for port in ports:
        value = value.replace(f"//{HOST}:{port}", f"//{CONTAINERS_HOST}:{port}")
    return value


def bridge_address() -> str:
    """This machine's address on Docker's default bridge. Raises NotPossible if Docker does not answer."""
    try:
        shown = subprocess.run(
            ["docker", "network", "inspect", "bridge"], capture_output=True, text=True, check=True, timeout=30
        )
        network = json.loads(shown.stdout)[0]["IPAM"]["Config"][0]
    except (OSError, subprocess.SubprocessError, ValueError, LookupError) as error:
        raise NotPossible(f"`sam local` needs Docker, which does not answer: {error}") from None
    return str(network.get("Gateway") or ipaddress.ip_network(network["Subnet"])[1])


def _environment(settings: Settings) -> dict[str, str]:
    """The emulator's credentials, also inside the container, and never an account's."""
    home = settings.state / "sam"
    home.mkdir(exist_ok=True)
    return {**environment.for_aws(settings), "__SAM_CLI_APP_DIR": str(home)}


def main(settings: Settings, arguments: Sequence[str]) -> int:
    try:
        return run(settings, arguments)
    except NotPossible as error:
        say(f"  {error}")
        return 1
