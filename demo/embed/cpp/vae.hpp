// A model folder of vae-onnx, encoder.onnx and decoder.onnx, run by OpenVINO.
#pragma once

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include <openvino/openvino.hpp>

namespace vae {

using Numbers = std::vector<float>;

// One ONNX file as a function of rows. Not for several threads at once: give each its own.
class Graph {
public:
    Graph(ov::Core &core, const std::filesystem::path &path)
        : model_(core.compile_model(
              existing(path), "CPU",
              // Without it, OpenVINO computes in bfloat16 or float16 where the processor has it.
              ov::hint::inference_precision(ov::element::f32),
              ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
              ov::inference_num_threads(1))),
          request_(model_.create_infer_request()) {}

    // The shape of a row: without the first dimension, the batch, which may be of any size.
    ov::Shape row_shape() const {
        const ov::PartialShape shape = model_.input().get_partial_shape();
        ov::Shape row;
        for (std::size_t i = 1; i < shape.size(); ++i)
            row.push_back(static_cast<std::size_t>(shape[i].get_length()));
        return row;
    }

    bool has_output(const std::string &name) const {
        const auto outputs = model_.outputs();
        return std::any_of(outputs.begin(), outputs.end(),
                           [&](const auto &output) { return output.get_names().count(name) > 0; });
    }

    // Runs the graph on whole rows; read its results with `output`.
    void run(const Numbers &rows) {
        ov::Shape shape = row_shape();
        shape.insert(shape.begin(), rows.size() / ov::shape_size(shape));
        // The graph reads the numbers where they are: it does not write to its input.
        request_.set_input_tensor(
            ov::Tensor(ov::element::f32, shape, const_cast<float *>(rows.data())));
        request_.infer();
    }

    Numbers output(const std::string &name) {
        const ov::Tensor tensor = request_.get_tensor(name);
        return Numbers(tensor.data<const float>(), tensor.data<const float>() + tensor.get_size());
    }

private:
    static std::string existing(const std::filesystem::path &path) {
        if (!std::filesystem::is_regular_file(path))
            throw std::runtime_error(path.string() +
                                     " is missing; `python -m export onnx` writes it");
        return path.string();
    }

    ov::CompiledModel model_;
    ov::InferRequest request_;
};

class Autoencoder {
public:
    explicit Autoencoder(const std::filesystem::path &folder)
        : encoder_(core_, folder / "encoder.onnx"), decoder_(core_, folder / "decoder.onnx") {}

    ov::Shape image_shape() const { return encoder_.row_shape(); } // channels, height, width
    std::size_t latent_dim() const { return decoder_.row_shape()[0]; }
    bool is_vae() const { return encoder_.has_output("mu"); }

    // x: images one after another, [channels][height][width] each, in [0, 1].
    // Returns latent_dim numbers an image: the mean of a VAE's q(z | x), the z of an AE. After
    // it, `log_var` holds the logarithm of a VAE's variance.
    Numbers encode(const Numbers &x) {
        encoder_.run(x);
        if (!is_vae())
            return encoder_.output("z");
        log_var = encoder_.output("log_var");
        return encoder_.output("mu");
    }

    // z: latent_dim numbers an image. Returns images like x.
    Numbers decode(const Numbers &z) {
        decoder_.run(z);
        return decoder_.output("x_recon");
    }

    Numbers reconstruct(const Numbers &x) { return decode(encode(x)); }

    Numbers log_var;

private:
    ov::Core core_;
    Graph encoder_, decoder_;
};

} // namespace vae
