"""Blocks that test_pages.py does not run: (page, words of the block, who does it or why not)."""

from .blocks import Block

RUN_HERE = ("python", "text", "sh", "yaml")

_README = "tests/runtime/test_readme.py::test_the_python_block_prints_what_stands_below_it"
_PYTHONS = "tests/demo/server/test_clients.py::test_the_pythons_of_the_page_run"
_SHELLS = "tests/demo/server/test_clients.py::test_the_shells_of_the_page_run"
_PAGE = "tests/demo/web/test_module.py::test_the_example_of_the_docs_runs_in_a_page_of_ones_own"
_ENGINES = "tests/demo/web/test_module.py::test_the_engines_of_the_docs_are_chosen"
_ANY_SHAPE = "tests/demo/web/test_any_shape.py::test_the_lines_of_the_docs"
_PICTURE = "tests/demo/web/test_picture.py::test_a_browser_sees_what_the_demo_sees"
_BUNDLED = "tests/demo/web/test_bundler.py::test_the_lines_of_the_docs_run"
_POLICY = "tests/demo/web/test_servers.py::test_the_page_works_on_any_server"
_NODE = "tests/demo/web/test_node.py::test_the_lines_of_the_docs_run_beside_the_example"
_C = "tests/export/c99/test_header.py::test_the_program_of_the_page_prints_what_stands_below_it"
_CPP = "tests/embed/test_cpp.py::test_the_lines_of_the_page"
_OTHERS = "tests/embed/test_engines.py::test_the_blocks_of_the_page_print_what_stands_below_them"
_OWN = "tests/foreign/test_docs.py::test_"
_SERVING = "tests/serving/test_docs.py::test_"
_RAY = "tests/foreign/test_ray.py::test_the_class_in_a_pipeline_of_ray_data"

RUN = [
    ("README.md", "model = vae_onnx.load", _README),
    ("README.md", "(100, 28, 28) (100, 2)", _README),
    ("docs/bulk.md", "map_batches", _RAY),
    ("docs/demo.md", "gradio_client", _PYTHONS),
    ("docs/demo.md", "ClientSession", _PYTHONS),
    ("docs/demo.md", "curl", _SHELLS),
    ("docs/embedding.md", "model.sample(100, 0)", _PAGE),
    ("docs/embedding.md", "createImageBitmap", _PICTURE),
    ("docs/embedding.md", "decodeToPictures", _ANY_SHAPE),
    ("docs/embedding.md", 'precision: "int8"', _ENGINES),
    ("docs/embedding.md", "cp node_modules", _BUNDLED),
    ("docs/embedding.md", "onnxruntime-web/wasm", _BUNDLED),
    ("docs/embedding.md", "Content-Security-Policy", _POLICY),
    ("docs/embedding.md", "npm ci", _NODE),
    ("docs/embedding.md", "onnxruntime-node", _NODE),
    ("docs/embedding.md", "int main(void)", _C),
    ("docs/embedding.md", "mu is 0.33", _C),
    ("docs/embedding.md", "vae::Autoencoder", _CPP),
    ("docs/embedding.md", "import openvino", _OTHERS),
    ("docs/embedding.md", "(1, 1, 28, 28) 0.86", _OTHERS),
    ("docs/embedding.md", "ReferenceEvaluator", _OTHERS),
    ("docs/embedding.md", "True\n", _OTHERS),
    (
        "docs/serving.md",
        "it may be called from many threads",
        f"{_SERVING}the_lines_for_python_run",
    ),
    ("docs/serving.md", "tritonclient", f"{_SERVING}the_lines_for_python_run"),
    ("docs/serving.md", "v2/models", f"{_SERVING}the_line_for_curl_runs"),
    ("docs/serving.md", "tritonserver", f"{_SERVING}the_commands_are_taken"),
    ("docs/serving.md", "from ray import serve", f"{_SERVING}the_deployment_of_ray_serve_answers"),
    (
        "docs/serving.md",
        "curl -s http://127.0.0.1:8000/",
        f"{_SERVING}the_deployment_of_ray_serve_answers",
    ),
    (
        "docs/serving.md",
        "kind: RayService",
        f"{_SERVING}ray_on_kubernetes_starts_the_file_that_is_shown",
    ),
    ("docs/your-model.md", "from train import VAE", f"{_OWN}the_class_of_the_report"),
    ("docs/your-model.md", "from mynet import ConvVAE", f"{_OWN}a_convolutional_vae"),
    ("docs/your-model.md", "python -m vae_onnx.torch", f"{_OWN}a_convolutional_vae_from_the_shell"),
    ("docs/your-model.md", "make site", f"{_OWN}to_a_page_in_the_browser"),
    ("docs/your-model.md", "<!doctype html>", f"{_OWN}to_a_page_in_the_browser"),
    ("docs/your-model.md", "pythae", f"{_OWN}pythae"),
    ("docs/your-model.md", "diffusers", f"{_OWN}diffusers"),
    ("docs/your-model.md", "vae_onnx.adopt", f"{_OWN}graphs_that_exist_already"),
]

NOT_RUN = [
    ("docs/doctor.md", "✗ onnxruntime ", "what a machine says on which two packages are at odds"),
    (
        "docs/doctor.md",
        '"schema": 1',
        "a part of what the same machine says; test_doctor.py has the form",
    ),
    ("docs/nearest.md", "img_0417.jpg", "what a collection of somebody's photographs says"),
    (
        "docs/nearest.md",
        "index: building",
        "what a collection of 60,000 says; test_index.py has the lines",
    ),
]


def is_listed(block: Block) -> bool:
    return any(page == block.page and words in block.text for page, words, _ in [*RUN, *NOT_RUN])
