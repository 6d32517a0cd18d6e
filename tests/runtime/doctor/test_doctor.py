"""`vae-onnx doctor`, on this machine as it is and on broken ones that are faked."""

import base64
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import vae_onnx
from vae_onnx import doctor
from vae_onnx.__main__ import main
from vae_onnx.doctor import cuda, devices, machine, models, packages, pip, report, trial
from vae_onnx.doctor.packages import Machine
from vae_onnx.store import bundled as store

PAGE = Path(__file__).parents[3].joinpath("docs", "doctor.md").read_text(encoding="utf-8")
FINDINGS = set(re.findall(r"^\| `([a-z-]+)` \| (?:error|warning) \|", PAGE, re.MULTILINE))
ASK = trial.ask  # which most tests replace
LAPTOP = Machine("Linux", "x86_64", nvidia=False, amd=False)
HEALTHY = {
    "numpy": {"version": "2.4.6"},
    "onnxruntime": {"version": "1.32.0"},
    "providers": ["CPUExecutionProvider"],
    "threads": {"threads": 2, "cores": 8, "affinity": 2, "quota": float("inf")},
    "devices": {
        "cpu": {"provider": "CPUExecutionProvider", "built_in": True, "plugin": None},
    },
}
DECODED = {
    "model": "mnist-ae",
    "placement": {"CPUExecutionProvider": 7},
    "difference": 0.0,
    "milliseconds": 0.03,
}


@pytest.fixture(autouse=True)
def plain_pip(monkeypatch):
    """Commands as they are where `pip` is this interpreter's."""
    monkeypatch.setattr(pip, "_pip", lambda: "pip")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def install(tmp_path):
    """Write a package into tmp_path as pip does; return it as importlib.metadata finds it."""

    def write(name, version, files=None, requires=(), python=">=3.11"):
        files = {"onnxruntime/__init__.py": version} if files is None else files
        record = []
        for path, content in files.items():
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest())
            record.append(f"{path},sha256={digest.decode().rstrip('=')},{len(content)}")
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "RECORD").write_text("\n".join(record) + "\n")
        needs = "".join(f"Requires-Dist: {line}\n" for line in requires)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            f"Requires-Python: {python}\n{needs}"
        )
        return importlib.metadata.Distribution.at(info)

    return write


@pytest.fixture
def faked(tmp_path, monkeypatch, install):
    """A healthy machine, of which a test breaks a part; what is installed lies in tmp_path.

    Returns the answers of the trials, by question.
    """
    install("numpy", "2.4.6", {"numpy/__init__.py": ""})
    needs = ["numpy>=1.26", "onnxruntime>=1.24", 'pillow>=10.3; extra == "images"']
    install("vae-onnx", vae_onnx.__version__, {}, needs)
    opened = {name: {"folder": str(folder)} for name, folder in models.bundled().items()}
    answers = {"runtime": HEALTHY, "on_device": DECODED, "opens": opened}
    monkeypatch.setattr(trial, "ask", lambda question, *_, **__: answers[question])
    monkeypatch.setattr(cuda, "driver_cuda", lambda: None)
    monkeypatch.setattr(
        packages,
        "everything",
        lambda: list(importlib.metadata.distributions(path=[str(tmp_path)])),
    )
    return answers


@pytest.fixture
def found(capsys):
    """Run the command with --json; return its findings by id, and see that the schema holds."""

    def run(*names):
        status = main(["doctor", "--json", *names])
        told = check_schema(capsys.readouterr().out)
        assert status == bool(told["findings"])
        assert len({finding["id"] for finding in told["findings"]}) == len(told["findings"])
        return {finding["id"]: finding for finding in told["findings"]}

    return run


def check_schema(text):
    """Compare a report with what docs/doctor.md says of it."""
    told = json.loads(text)
    assert set(told) == {"schema", "status", "checks", "findings"}
    assert told["schema"] == 1
    statuses = {"ok", "warning", "error"}
    for check in told["checks"]:
        assert set(check) == {"id", "group", "label", "status", "value", "facts"}
        assert check["group"] in {"packages", "machine", "devices", "models"}
        assert check["status"] in statuses
        assert check["label"]
        assert check["value"]
    checks = {check["id"]: check for check in told["checks"]}
    for finding in told["findings"]:
        assert set(finding) == {"id", "check", "severity", "message", "command"}
        assert f"\n| `{finding['id']}` | {finding['severity']} |" in PAGE
        assert checks[finding["check"]]["status"] != "ok"
        assert all(finding.values())
    assert told["status"] == report.worst(check["status"] for check in told["checks"])
    return told


def run_apart(path, *arguments):
    """Run the command in a fresh interpreter that finds what is in `path` before all else."""
    environment = {**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{trial.PACKAGES}"}
    command = [sys.executable, "-m", "vae_onnx", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


# Healthy machines


def test_a_healthy_machine(faked, install, found, capsys):
    install("onnxruntime", "1.32.0")
    assert found() == {}
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert told.endswith("\nNothing is wrong.\n")
    assert "\x1b" not in told


def test_this_machine(tmp_path):
    """For real, in a process of its own; a plugin may be here for hardware that is not."""
    result = run_apart(tmp_path, "doctor", "--json")
    assert result.stderr == ""
    told = check_schema(result.stdout)
    assert {finding["id"] for finding in told["findings"]} <= {"plugin-no-hardware", "cpu-quota"}
    checks = {check["id"]: check for check in told["checks"]}
    assert checks["onnxruntime"]["facts"]["version"] == importlib.metadata.version("onnxruntime")
    assert checks["onnxruntime"]["facts"]["supported"].startswith(">=")
    assert checks["device.cpu"]["facts"]["placement"] == {"CPUExecutionProvider": 7}
    assert checks["device.cpu"]["facts"]["milliseconds"] > 0
    assert {f"model.{name}" for name in vae_onnx.models()} <= set(checks)


def test_it_stands_in_the_help(capsys):
    for arguments in (["--help"], ["doctor", "--help"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
        assert doctor.SUMMARY in " ".join(capsys.readouterr().out.split())


def test_wrong_usage_is_status_2(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["doctor", "--jason"])
    assert stop.value.code == 2
    assert "--jason" in capsys.readouterr().err


# Packages


def test_two_onnxruntime_packages(faked, install, found):
    info = "package_name = 'onnxruntime-openvino'\n__version__ = '1.24.1'\n"
    install("onnxruntime", "1.32.0")
    files = {"onnxruntime/__init__.py": "", "onnxruntime/capi/build_and_package_info.py": info}
    install("onnxruntime-openvino", "1.24.1", files)
    finding = found()["duplicate-packages"]
    assert "onnxruntime 1.32.0" in finding["message"]
    assert "onnxruntime-openvino 1.24.1" in finding["message"]
    assert "mostly onnxruntime-openvino" in finding["message"]


@pytest.mark.parametrize(
    ("special", "here", "command"),
    [
        (
            "onnxruntime-gpu",
            Machine("Linux", "x86_64", nvidia=True, amd=False),
            "pip uninstall -y onnxruntime onnxruntime-gpu"
            " && pip install 'onnxruntime-gpu[cuda,cudnn]'",
        ),
        (
            "onnxruntime-gpu",
            LAPTOP,
            "pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime",
        ),
        (
            "onnxruntime_openvino",
            LAPTOP,
            "pip uninstall -y onnxruntime onnxruntime-openvino && pip install onnxruntime-openvino",
        ),
        (
            "onnxruntime-openvino",
            Machine("Linux", "aarch64", nvidia=False, amd=False),
            "pip uninstall -y onnxruntime onnxruntime-openvino && pip install onnxruntime",
        ),
        (
            "onnxruntime-directml",
            Machine("Windows", "x86_64", nvidia=False, amd=False),
            "pip uninstall -y onnxruntime onnxruntime-directml && pip install onnxruntime-directml",
        ),
        (
            "onnxruntime-silicon",
            Machine("Darwin", "arm64", nvidia=False, amd=False),
            "pip uninstall -y onnxruntime onnxruntime-silicon && pip install onnxruntime",
        ),
    ],
)
def test_of_two_packages_the_one_that_fits_is_kept(install, special, here, command):
    both = [install("onnxruntime", "1.32.0"), install(special, "1.24.1")]
    check = packages.check_onnxruntime(both, HEALTHY["onnxruntime"], ">=1.24", here)
    (finding,) = check.findings
    assert finding.command == command


def test_plugins_and_other_folders_are_no_rivals(install, tmp_path):
    ours = install("onnxruntime", "1.32.0")
    plugin = install("onnxruntime-ep-x", "1.0", {"onnxruntime_ep_x/__init__.py": ""})
    genai = install("onnxruntime-genai", "1.0", {"onnxruntime_genai/__init__.py": ""})
    info = tmp_path / "elsewhere" / "onnxruntime_gpu-1.30.0.dist-info"
    shutil.copytree(tmp_path / "onnxruntime-1.32.0.dist-info", info)
    elsewhere = importlib.metadata.Distribution.at(info)
    assert packages.rivals([plugin, ours, genai, elsewhere]) == [ours]


@pytest.mark.parametrize("damage", ["missing", "changed", "longer"])
def test_what_uninstalling_one_of_two_leaves(faked, install, found, tmp_path, damage):
    install("onnxruntime", "1.32.0", {f"onnxruntime/{name}.py": "1.32.0" for name in "abc"}
            | {"onnxruntime/__init__.py": "1.32.0"})  # fmt: skip
    broken = tmp_path / "onnxruntime" / "__init__.py"
    if damage == "missing":
        broken.unlink()
    else:
        broken.write_text({"changed": "1.24.1", "longer": "1.32.0 and more"}[damage])
    (tmp_path / "onnxruntime" / "b.py").unlink()
    faked["runtime"] = HEALTHY | {"onnxruntime": {"error": "no attribute 'InferenceSession'"}}
    del faked["runtime"]["providers"]
    findings = found()
    assert list(findings) == ["package-damaged"]
    assert "2 of its files" in findings["package-damaged"]["message"]
    assert findings["package-damaged"]["command"] == (
        "pip install --force-reinstall --no-deps onnxruntime==1.32.0"
    )


@pytest.mark.parametrize("module", ["numpy", "onnxruntime"])
def test_a_package_is_missing(faked, found, install, tmp_path, module):
    install("onnxruntime", "1.32.0")
    (info,) = tmp_path.glob(f"{module}-*.dist-info")
    shutil.rmtree(info)
    faked["runtime"] = HEALTHY | {module: {"error": f"No module named '{module}'"}}
    del faked["runtime"]["providers"]
    findings = found()
    limits = {"numpy": ">=1.26", "onnxruntime": ">=1.24"}[module]
    assert list(findings) == ["package-missing"]
    assert findings["package-missing"]["command"] == f"pip install '{module}{limits}'"


def test_a_package_that_does_not_import(faked, install, found):
    install("onnxruntime", "1.32.0")
    faked["runtime"] = HEALTHY | {"onnxruntime": {"error": "libstdc++.so.6: not found"}}
    del faked["runtime"]["providers"]
    finding = found("nonsense")["package-broken"]
    assert "libstdc++.so.6: not found" in finding["message"]
    assert finding["command"] == "pip install --force-reinstall --no-deps onnxruntime==1.32.0"


@pytest.mark.parametrize(
    ("package", "command"),
    [
        ("onnxruntime", "pip install 'onnxruntime>=1.24'"),
        ("onnxruntime-openvino", "pip install 'onnxruntime-openvino>=1.24'"),
    ],
)
def test_an_unsupported_version(faked, install, found, package, command):
    install(package, "1.22.1")
    faked["runtime"] = HEALTHY | {"onnxruntime": {"version": "1.22.1"}}
    finding = found()["unsupported-version"]
    assert "needs onnxruntime >=1.24, installed is 1.22.1" in finding["message"]
    assert finding["command"] == command


def test_what_comes_of_a_finding_is_none_itself(faked, install, found):
    install("onnxruntime", "1.22.1")
    faked["runtime"] = HEALTHY | {"onnxruntime": {"version": "1.22.1"}}
    faked["on_device"] = {"stage": "run", "error": "no attribute 'get_ep_devices'"}
    faked["opens"] |= {"mnist-ae": {"error": "opset 23 is not supported"}}
    assert list(found()) == ["unsupported-version"]


def test_an_unsupported_python():
    (finding,) = packages.check_python("3.10.4", "/usr/bin/python3", ">=3.11").findings
    assert finding.command == "python3.11 -m venv .venv"
    assert packages.check_python("3.11.0", "/usr/bin/python3", ">=3.11").status == "ok"


@pytest.mark.parametrize(
    ("version", "limits", "expected"),
    [
        ("1.24", ">=1.24.0", True),
        ("1.9", ">=1.24", False),
        ("2.0.0", ">=1.26,<2", False),
        ("1.26.4+local", ">=1.26,<2", True),
        ("1.33.0.dev20260101", ">=1.24", True),
        ("1.27.0", "!=1.27.0", False),
        ("3.0", "", True),
    ],
)
def test_ranges(version, limits, expected):
    assert packages.within(version, limits) is expected


def test_what_a_failed_installation_left_has_no_name(tmp_path, monkeypatch, install):
    install("onnxruntime", "1.32.0")
    (tmp_path / "~nnxruntime-1.30.0.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert [each.name for each in packages.everything()] == ["onnxruntime"]


# Machine

INTEL = """\
processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8480+
flags\t\t: fpu sse2 avx avx2 avx512f avx512_vnni avx512_bf16 amx_tile amx_int8
"""
PI = "processor\t: 0\nFeatures\t: fp asimd evtstrm crc32 asimddp\n"
MAC = """\
machdep.cpu.brand_string: Apple M4
hw.optional.floatingpoint: 1
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_I8MM: 1
hw.optional.arm.FEAT_BF16: 0
"""


@pytest.mark.parametrize(
    ("text", "name", "has"),
    [
        (INTEL, "Intel(R) Xeon(R) Platinum 8480+", ["AVX2", "AVX512", "VNNI", "BF16", "AMX"]),
        (PI, None, ["DotProd"]),
        (MAC, "Apple M4", ["DotProd", "I8MM"]),
    ],
)
def test_features_of_processors(text, name, has):
    assert machine.cpu_name(text) == name
    features = machine.cpu_features(text)
    assert [feature for feature, there in features.items() if there] == has
    assert machine.check_cpu(text).facts == {"name": name, "features": features}


def test_a_processor_of_which_nobody_tells():
    assert machine.cpu_text("Plan 9") == ""
    check = machine.check_cpu("")
    assert (check.status, check.value) == ("ok", "unknown")


def test_a_quota_below_one_core(faked, install, found, monkeypatch):
    install("onnxruntime", "1.32.0")
    monkeypatch.setattr(machine.socket, "gethostname", lambda: "f00dcafe")
    threads = {"threads": 1, "cores": 8, "affinity": 8, "quota": 0.5}
    faked["runtime"] = HEALTHY | {"threads": threads}
    findings = found()
    assert list(findings) == ["cpu-quota"]
    assert findings["cpu-quota"]["severity"] == "warning"
    assert findings["cpu-quota"]["command"] == "docker update --cpus 1 f00dcafe"


def test_threads_say_where_they_come_from():
    check = machine.check_threads(3, 8, 4, 2.5)
    assert check.value == "3  of 8 cores, affinity 4, cgroup quota 2.5"
    assert check.status == "ok"


# CUDA

BUILT = {"package_name": "onnxruntime-gpu", "__version__": "1.31.1", "cuda_version": "13.0"}


@pytest.mark.parametrize(
    ("driver", "missing", "majors", "found", "command"),
    [
        (
            None,
            [],
            {13},
            "cuda-driver-missing",
            "pip uninstall -y onnxruntime-gpu && pip install onnxruntime",
        ),
        (
            (12, 4),
            ["libcudart.so.13"],
            {12},
            "cuda-major-mismatch",
            "pip install 'onnxruntime-gpu[cuda,cudnn]>=1.24,<1.27'",
        ),
        (
            (11, 8),
            [],
            {13},
            "cuda-major-mismatch",
            "pip uninstall -y onnxruntime-gpu && pip install onnxruntime",
        ),
        (
            (13, 1),
            ["libcudart.so.13", "libcudnn.so.9"],
            {12},
            "cuda-major-mismatch",
            "pip install 'onnxruntime-gpu[cuda,cudnn]'",
        ),
        (
            (13, 1),
            ["libcudnn.so.9"],
            {12, 13},
            "cuda-libraries-missing",
            "pip install 'onnxruntime-gpu[cuda,cudnn]'",
        ),
        ((13, 1), [], {12}, None, None),
    ],
)
def test_cuda(driver, missing, majors, found, command):
    check = cuda.check(BUILT, driver, missing, majors, {})
    assert [(finding.id, finding.command) for finding in check.findings] == (
        [(found, command)] if found else []
    )


def test_hidden_gpus():
    check = cuda.check(BUILT, (13, 1), [], {13}, {"CUDA_VISIBLE_DEVICES": ""})
    assert [finding.command for finding in check.findings] == [cuda.UNSET]
    assert cuda.check(BUILT, (13, 1), [], {13}, {"CUDA_VISIBLE_DEVICES": "0"}).status == "ok"


def test_cuda_from_the_installed_files(faked, install, found):
    """The driver is missing; the device then needs no finding of its own."""
    info = "".join(f"{name} = '{value}'\n" for name, value in BUILT.items())
    files = {"onnxruntime/__init__.py": "", "onnxruntime/capi/build_and_package_info.py": info}
    install("onnxruntime-gpu", "1.31.1", files)
    install("nvidia-cudnn-cu12", "9.1.0", {})
    told = {"provider": "CUDAExecutionProvider", "built_in": True, "plugin": None}
    faked["runtime"] = HEALTHY | {"devices": {"cuda": told}}
    faked["on_device"] = {"stage": "run", "error": "libcublas.so.13: cannot open"}
    findings = found()
    assert list(findings) == ["cuda-driver-missing"]


def test_the_driver_says_which_cuda_it_knows():
    class Library:
        @staticmethod
        def cuDriverGetVersion(pointer):  # noqa: N802
            pointer._obj.value = 12040
            return 0

    def none(name):
        raise OSError(f"{name}: cannot open shared object file")

    assert cuda.driver_cuda(lambda _: Library) == (12, 4)
    assert cuda.driver_cuda(none) is None


def test_libraries_load_from_pip_or_from_the_system(tmp_path):
    folder = tmp_path / "nvidia" / "cu13" / "lib"
    folder.mkdir(parents=True)
    (folder / "libcudart.so.13").touch()
    there = {str(folder / "libcudart.so.13"), "libcudnn.so.9"}

    def load(name):
        if name not in there:
            raise OSError(name)

    wanted = cuda.libraries(13, windows=False)
    assert {"libcudart.so.13", "libcufft.so.12", "libcudnn.so.9"} <= set(wanted)
    missing = cuda.missing_libraries(wanted, tmp_path, load)
    assert missing == [name for name in wanted if name not in ("libcudart.so.13", "libcudnn.so.9")]
    assert "cufft64_11.dll" in cuda.libraries(12, windows=True)


def test_cuda_of_pip_packages(install):
    installed = [
        install("nvidia-cudnn-cu12", "9.1.0", {}),
        install("nvidia-cuda-runtime", "13.0.96", {}),
        install("nvidia-ml-py", "12.5", {}),
    ]
    assert cuda.pip_majors(installed) == {12, 13}


# Devices


@pytest.mark.parametrize(
    ("module", "here", "command"),
    [
        (
            "onnxruntime_ep_openvino",
            LAPTOP,
            "pip uninstall -y onnxruntime onnxruntime-ep-openvino"
            " && pip install onnxruntime-openvino",
        ),
        ("onnxruntime_ep_webgpu", LAPTOP, "pip uninstall -y onnxruntime-ep-webgpu"),
    ],
)
def test_a_plugin_that_finds_no_hardware(install, module, here, command):
    package = install(module.replace("_", "-"), "1.8.1", {f"{module}/__init__.py": ""})
    answer = {"stage": "hardware", "error": "finds no hardware that it can use"}
    name = module.rpartition("_")[2]
    check = devices.check_device(name, "XExecutionProvider", package, answer, here)
    (finding,) = check.findings
    assert (finding.id, finding.command) == ("plugin-no-hardware", command)


def test_a_plugin_that_does_not_load(tmp_path, install):
    """For real: the plugin's library is no library."""
    code = f"def get_library_path():\n    print('noise')\n    return {str(tmp_path / 'x.so')!r}\n"
    module = "onnxruntime_ep_webgpu"
    install("onnxruntime-ep-webgpu", "0.4.0", {f"{module}/__init__.py": code})
    (tmp_path / "x.so").write_text("no library")
    result = run_apart(tmp_path, "doctor", "--json")
    assert result.returncode == 1
    told = check_schema(result.stdout)
    finding = next(each for each in told["findings"] if each["check"] == "device.webgpu")
    assert finding["id"] == "plugin-broken"
    assert "x.so" in finding["message"]
    command = "install --force-reinstall --no-deps onnxruntime-ep-webgpu==0.4.0"
    assert finding["command"].endswith(command)


def test_a_plugin_that_ends_the_process(tmp_path, install):
    code = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
    install("onnxruntime-ep-webgpu", "0.4.0", {"onnxruntime_ep_webgpu/__init__.py": code})
    told = check_schema(run_apart(tmp_path, "doctor", "--json").stdout)
    finding = next(each for each in told["findings"] if each["check"] == "device.webgpu")
    assert finding["id"] == "device-fails"
    assert "SIGSEGV" in finding["message"]


def test_a_plugin_for_another_onnxruntime(faked, install, found):
    install("onnxruntime", "1.32.0")
    module = "onnxruntime_ep_mlx"
    install("onnxruntime-ep-mlx", "9.0", {f"{module}/__init__.py": ""}, ["onnxruntime>=1.40"])
    told = {"provider": "MLXExecutionProvider", "built_in": False, "plugin": module}
    faked["runtime"] = HEALTHY | {"devices": {"mlx": told}}
    faked["on_device"] = {"stage": "load", "error": "API version 40 is not available"}
    findings = found()
    assert list(findings) == ["plugin-unsupported"]
    assert findings["plugin-unsupported"]["command"] == "pip install 'onnxruntime>=1.40'"


def test_a_plugin_that_refuses_an_old_onnxruntime(install):
    """What onnxruntime-ep-webgpu 0.4.0 says to onnxruntime 1.24.1, which its metadata allows."""
    package = install("onnxruntime-ep-webgpu", "0.4.0", {"onnxruntime_ep_webgpu/__init__.py": ""})
    error = 'ORT runtime version "1.24.1" is below the minimum required version "1.24.4".'
    answer = {"stage": "load", "error": error}
    provider = "WebGpuExecutionProvider"
    (finding,) = devices.check_device("webgpu", provider, package, answer, LAPTOP).findings
    assert finding.id == "plugin-unsupported"
    assert finding.command == "pip install 'onnxruntime>=1.24.4'"


def test_an_unknown_plugin_is_shown_and_no_finding(faked, install, capsys):
    install("onnxruntime", "1.32.0")
    install("onnxruntime-ep-abacus", "1.0", {"onnxruntime_ep_abacus/__init__.py": ""})
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert "onnxruntime-ep-abacus 1.0, unknown to vae_onnx" in told


@pytest.mark.parametrize("difference", [0.3, None])
def test_a_device_that_computes_something_else(faked, install, found, difference):
    install("onnxruntime", "1.32.0")
    faked["on_device"] = DECODED | {"difference": difference}
    finding = found()["device-differs"]
    assert finding["command"] == "pip install --force-reinstall --no-deps onnxruntime==1.32.0"


# Models


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of a bundled model, for a user who has the exporter too, in a clone."""
    (tmp_path / "clone" / "export").mkdir(parents=True)
    (tmp_path / "clone" / "export" / "__main__.py").touch()
    monkeypatch.setattr(store, "PACKAGE", tmp_path / "clone" / "vae_onnx")
    return Path(shutil.copytree(store.FOLDER / "mnist-ae", tmp_path / "mine"))


@pytest.fixture
def found_of(faked, install, found):
    """Run the command on a model that is really opened; return its findings by id."""
    install("onnxruntime", "1.32.0")

    def run(name):
        faked["opens"] |= ASK("opens", str(name))
        return found(str(name))

    return run


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:1000]), "decoder.onnx is changed"),
        (lambda path: path.unlink(), "decoder.onnx is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\0"), "decoder.onnx is changed"),
    ],
)
def test_a_damaged_model(folder, found_of, damage, told):
    damage(folder / "decoder.onnx")
    finding = found_of(folder)["model-changed"]
    assert told in finding["message"]
    assert finding["command"] == f"python -m export onnx runs/mnist/ae --out {folder}"


def test_a_damaged_model_of_a_user_of_the_wheel(folder, found_of, monkeypatch, tmp_path):
    """There is no exporter then; the command is followed, with a whole model for MODEL."""
    monkeypatch.setattr(store, "PACKAGE", tmp_path / "site-packages" / "vae_onnx")
    (folder / "decoder.onnx").write_bytes(b"cut off")
    command = found_of(folder)["model-changed"]["command"]
    assert command == f"vae-onnx save MODEL {folder} --overwrite"
    assert main(command.replace("MODEL", "mnist-ae").split()[1:]) == 0
    assert found_of(folder) == {}


def test_a_pointer_of_git_lfs(folder, found_of):
    (folder / "encoder.onnx").write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:"
    )
    finding = found_of(folder)["model-changed"]
    assert "encoder.onnx is changed (it is a pointer of Git LFS" in finding["message"]
    assert finding["command"] == f"git -C {folder} lfs pull"


def test_a_truncated_graph_without_checksums(folder, found_of):
    (folder / "card.json").unlink()
    (folder / "decoder.onnx").write_bytes(b"\x08\x0a")
    finding = found_of(folder)["model-fails"]
    assert "is not a complete ONNX graph" in finding["message"]
    assert finding["command"] == f"python -m export onnx RUN --out {folder}"


def test_variants_are_checked(folder, found_of):
    card = json.loads((folder / "card.json").read_text())
    card["variants"] = {"int8": {"sha256": {"decoder.int8.onnx": "0" * 64}}}
    (folder / "card.json").write_text(json.dumps(card))
    (folder / "decoder.int8.onnx").write_bytes(b"")
    (finding,) = found_of(folder).values()
    assert "decoder.int8.onnx is changed (it is empty" in finding["message"]


@pytest.mark.parametrize("card", ["[]", "{", '{"sha256": [], "variants": {"int8": 3}}'])
def test_a_strange_card(folder, found_of, card):
    (folder / "card.json").write_text(card)
    assert found_of(folder) == {}


def test_a_card_does_not_reach_outside_the_folder(folder):
    sums = dict.fromkeys(["../../secret", "\0", ".."], hashlib.sha256(b"x").hexdigest())
    (folder.parents[1] / "secret").write_bytes(b"x")
    assert models.faults(folder, sums) == dict.fromkeys(sums, "missing")


@pytest.mark.parametrize(
    ("reference", "command"),
    [
        ("hf://owner/repo", "hf download owner/repo --force-download"),
        ("hf://owner/repo@v1/sub", "hf download owner/repo --revision v1 --force-download"),
        ("hf://nonsense", "vae-onnx --help"),
    ],
)
def test_a_model_of_the_hub(reference, command, monkeypatch):
    (finding,) = models.check(reference, None, {"error": "no answer"}, None).findings
    assert finding.command == command
    monkeypatch.setattr(models.importlib.util, "find_spec", lambda _: None)
    (finding,) = models.check(reference, None, {"error": "no answer"}, None).findings
    assert finding.command == "pip install huggingface_hub"


def test_a_model_that_is_not_there(found_of):
    finding = found_of("nonsense")["model-fails"]
    assert "no bundled model and no folder is called 'nonsense'" in finding["message"]
    assert finding["command"] == "vae-onnx info"


@pytest.mark.parametrize("clone", [True, False])
def test_a_damaged_bundled_model(tmp_path, monkeypatch, install, clone):
    bundled = tmp_path / "vae_onnx" / "models"
    monkeypatch.setattr(store, "FOLDER", bundled)
    shutil.copytree(Path(vae_onnx.__file__).parent / "models" / "mnist-ae", bundled / "mnist-ae")
    (bundled / "mnist-ae" / "encoder.onnx").unlink()
    if clone:
        (tmp_path / ".git").mkdir()
    package = install("vae-onnx", "0.1.0", {})
    answer = {"error": "encoder.onnx is missing"}
    (finding,) = models.check("mnist-ae", bundled / "mnist-ae", answer, package).findings
    assert finding.id == "model-changed"
    assert finding.command == (
        f"git -C {tmp_path} checkout -- vae_onnx/models/mnist-ae"
        if clone
        else "pip install --force-reinstall --no-deps vae-onnx==0.1.0"
    )


def test_devices_are_tried_with_an_intact_model(faked, install, monkeypatch):
    install("onnxruntime", "1.32.0")
    smallest = min(models.bundled(), key=lambda name: models.size(models.bundled()[name]))
    faked["opens"] |= {smallest: {"error": "is not a complete ONNX graph"}}
    asked = []
    monkeypatch.setattr(
        trial, "ask", lambda *question: asked.append(question) or faked[question[0]]
    )
    doctor.examine()
    ((_, device, model),) = [question for question in asked if question[0] == "on_device"]
    assert device == "cpu"
    assert model in set(models.bundled()) - {smallest}


def test_a_model_that_ends_the_process(faked, install, found, monkeypatch):
    install("onnxruntime", "1.32.0")
    opened = dict(faked["opens"])

    def ask(question, *names):
        if question != "opens":
            return faked[question]
        if "mnist-vae" in names:
            raise trial.TrialError("the process was killed by SIGSEGV")
        return {name: opened[name] for name in names}

    monkeypatch.setattr(trial, "ask", ask)
    (finding,) = found().values()
    assert finding["check"] == "model.mnist-vae"
    assert "SIGSEGV" in finding["message"]


# When nothing works


@pytest.mark.parametrize(
    "code",
    [
        "raise ImportError('libonnxruntime.so.1: cannot open shared object file')",
        "print('noise on stdout')\nraise RuntimeError('boom')",
        "import os\nos.abort()",
        "",  # an empty module, as uninstalling leaves it
    ],
)
def test_onnxruntime_is_broken(tmp_path, code):
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text(code)
    result = run_apart(tmp_path, "doctor", "--json")
    assert (result.returncode, result.stderr) == (1, "")
    told = check_schema(result.stdout)
    assert "package-broken" in {finding["id"] for finding in told["findings"]}
    assert "device.cpu" not in {check["id"] for check in told["checks"]}


def test_other_commands_say_whom_to_ask(tmp_path):
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('libonnxruntime.so.1: not found')")
    result = run_apart(tmp_path, "info")
    assert result.returncode == 1
    assert result.stderr.startswith("vae-onnx: error: ")
    assert result.stderr.count("\n") == 1
    assert "libonnxruntime.so.1: not found" in result.stderr
    assert "`vae-onnx doctor` says what to do" in result.stderr


def test_the_package_says_whom_to_ask(tmp_path):
    (tmp_path / "onnxruntime").mkdir()  # empty, as uninstalling one of two packages leaves it
    (tmp_path / "onnxruntime" / "__init__.py").touch()
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import vae_onnx; "
    for use in ("vae_onnx.load", "from vae_onnx import Decoder"):
        command = [sys.executable, "-c", code + use]
        told = subprocess.run(command, capture_output=True, text=True).stderr
        assert "PackageMissingError: numpy and onnxruntime are needed" in told
        assert told.rstrip().endswith("`vae-onnx doctor` says what to do")


def test_what_lies_in_the_current_folder_is_not_taken_for_what_is_installed(tmp_path, monkeypatch):
    for module in ("numpy", "onnxruntime", "platform"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    assert "providers" in trial.ask("runtime")


def test_a_trial_that_hangs(monkeypatch):
    def sleeping(command, *, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(trial.subprocess, "run", sleeping)
    with pytest.raises(trial.TrialError, match=r"no answer within 0\.1 seconds"):
        trial.ask("runtime", timeout=0.1)


# Printing


def test_the_page_lists_the_findings_that_there_are():
    folder = Path(doctor.__file__).parent
    code = "".join(path.read_text("utf-8") for path in sorted(folder.glob("*.py")))
    told = set(re.findall(r'(?:Finding\(|id_ = )\s*"([a-z-]+)"', code))
    assert told == FINDINGS


class Screen:
    """What stdout can show."""

    def __init__(self, encoding, terminal):
        self.encoding, self._terminal = encoding, terminal

    def isatty(self):
        return self._terminal


@pytest.mark.parametrize(
    ("encoding", "terminal", "no_color", "expected"),
    [
        ("utf-8", False, "", "  \u2713 a     fine\n  \u2717 long  bad\n"),
        ("ascii", False, "", "  + a     fine\n  x long  bad\n"),
        ("utf-8", True, "1", "  \u2713 a     fine\n  \u2717 long  bad\n"),
        ("ascii", True, "", "  \x1b[32m+\x1b[0m a     fine\n  \x1b[31mx\x1b[0m long  bad\n"),
    ],
)
def test_marks_and_colours(monkeypatch, encoding, terminal, no_color, expected):
    monkeypatch.setenv("NO_COLOR", no_color)
    finding = report.Finding("x", "error", "word " * 30, "pip install " + "y" * 100)
    checks = [
        report.Check("a", "g", "a", "fine"),
        report.Check("b", "g", "long", "bad", findings=[finding]),
    ]
    told = report.as_text(checks, Screen(encoding, terminal))
    assert told.startswith("g\n" + expected)
    assert told.endswith(f"\n    {finding.command}\n")
    shown = re.sub(r"\x1b\[\d+m", "", told).splitlines()
    assert max(map(len, shown[:-1])) <= 102


# Commands


def test_pip_is_that_of_this_interpreter(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my python"))
    monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / name))
    assert pip.install("a") == "pip install a"
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert pip.install("a>=1") == f"'{tmp_path}/my python' -m pip install 'a>=1'"
    monkeypatch.setattr(pip.importlib.util, "find_spec", lambda _: None)
    assert pip.uninstall("a") == "uv pip uninstall -y a"


def test_a_package_is_installed_again_from_where_it_came(install):
    package = install("vae-onnx", "0.1.0", {})
    assert pip.again(package).endswith(" vae-onnx==0.1.0")
    url = {"url": "file:///home/me/vae-onnx", "dir_info": {}}
    Path(str(package.locate_file("vae_onnx-0.1.0.dist-info/direct_url.json"))).write_text(
        json.dumps(url)
    )
    assert pip.again(package).endswith(" file:///home/me/vae-onnx")
