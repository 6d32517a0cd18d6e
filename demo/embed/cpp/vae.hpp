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
using Sizes = std::vector<long>; // the dimensions after the batch; -1 is any

// One ONNX file as a function of rows. Not for several threads at once: give each its own.
class Graph {
public:
    Graph(ov::Core &core, const std::filesystem::path &path)
        : source_(core.read_model(existing(path))),
          model_(core.compile_model(
              source_, "CPU",
              // Without it, OpenVINO computes in bfloat16 or float16 where the processor has it.
              ov::hint::inference_precision(ov::element::f32),
              ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
              ov::inference_num_threads(1))),
          request_(model_.create_infer_request()) {}

    // The shape of a row: without the first dimension, the batch, which may be of any size.
    Sizes row_shape() const {
        const ov::PartialShape shape = model_.input().get_partial_shape();
        Sizes row;
        for (std::size_t i = 1; i < shape.size(); ++i)
            row.push_back(shape[i].is_static() ? shape[i].get_length() : -1);
        return row;
    }

    bool has_output(const std::string &name) const {
        const auto outputs = model_.outputs();
        return std::any_of(outputs.begin(), outputs.end(),
                           [&](const auto &output) { return output.get_names().count(name) > 0; });
    }

    // What the file says of itself; `otherwise` if it does not.
    std::string metadata(const std::string &key, const std::string &otherwise) const {
        const std::string place = "framework"; // where OpenVINO puts ONNX's metadata_props
        return source_->has_rt_info(place, key) ? source_->get_rt_info<std::string>(place, key)
                                                : otherwise;
    }

    // Runs the graph on whole rows; read its results with `output` and `shape`. The shape of the
    // batch has to be told where sizes are open.
    void run(const Numbers &rows, ov::Shape shape) {
        const Sizes row = row_shape();
        if (shape.empty())
            shape = batch_of(rows.size(), row);
        bool fits = shape.size() == row.size() + 1 && ov::shape_size(shape) == rows.size();
        for (std::size_t i = 0; fits && i < row.size(); ++i)
            fits = row[i] == -1 || static_cast<std::size_t>(row[i]) == shape[i + 1];
        if (!fits || rows.empty())
            throw std::invalid_argument(std::to_string(rows.size()) + " numbers are no rows of " +
                                        text(row));
        // The graph reads the numbers where they are: it does not write to its input.
        request_.set_input_tensor(
            ov::Tensor(ov::element::f32, shape, const_cast<float *>(rows.data())));
        request_.infer();
    }

    Numbers output(const std::string &name) {
        const ov::Tensor tensor = request_.get_tensor(name);
        return Numbers(tensor.data<const float>(), tensor.data<const float>() + tensor.get_size());
    }

    ov::Shape shape(const std::string &name) { return request_.get_tensor(name).get_shape(); }

private:
    static std::string existing(const std::filesystem::path &path) {
        if (!std::filesystem::is_regular_file(path))
            throw std::runtime_error(path.string() +
                                     " is missing; `python -m export onnx` writes it");
        return path.string();
    }

    static ov::Shape batch_of(std::size_t count, const Sizes &row) {
        ov::Shape shape{1};
        for (const long size : row) {
            if (size == -1)
                throw std::invalid_argument("the model takes images of any size: tell the shape "
                                            "of the batch, {n, channels, height, width}");
            shape.push_back(static_cast<std::size_t>(size));
        }
        shape[0] = count / ov::shape_size(shape);
        return shape;
    }

    static std::string text(const Sizes &sizes) {
        std::string text;
        for (const long size : sizes)
            text += (text.empty() ? "" : " x ") + (size == -1 ? "any" : std::to_string(size));
        return text;
    }

    std::shared_ptr<ov::Model> source_;
    ov::CompiledModel model_;
    ov::InferRequest request_;
};

class Autoencoder {
public:
    explicit Autoencoder(const std::filesystem::path &folder)
        : encoder_(core_, folder / "encoder.onnx"), decoder_(core_, folder / "decoder.onnx") {}

    Sizes image_shape() const { return encoder_.row_shape(); } // channels, height, width

    // latent_dim, or channels, height, width of a map of codes.
    Sizes latent_shape() const { return decoder_.row_shape(); }

    // What height and width have to be multiples of where they are open.
    long size_multiple() const { return std::stol(encoder_.metadata("size_multiple", "1")); }

    bool is_vae() const { return encoder_.has_output("mu"); }

    // x: images one after another, [channels][height][width] each, in [0, 1]; batch: their shape,
    // {n, channels, height, width}, where sizes are open.
    // Returns the codes, one after another: the mean of a VAE's q(z | x), the z of an AE. After
    // it, `shape` is that of the codes, and `log_var` holds the logarithm of a VAE's variance.
    Numbers encode(const Numbers &x, const ov::Shape &batch = {}) {
        encoder_.run(x, batch);
        const std::string z = is_vae() ? "mu" : "z";
        if (is_vae())
            log_var = encoder_.output("log_var");
        shape = encoder_.shape(z);
        return encoder_.output(z);
    }

    // z: codes one after another; batch: their shape, as `encode` leaves it, where sizes are open.
    // Returns images like x. After it, `shape` is theirs.
    Numbers decode(const Numbers &z, const ov::Shape &batch = {}) {
        decoder_.run(z, batch);
        shape = decoder_.shape("x_recon");
        return decoder_.output("x_recon");
    }

    Numbers reconstruct(const Numbers &x, const ov::Shape &batch = {}) {
        const Numbers z = encode(x, batch);
        return decode(z, ov::Shape(shape));
    }

    Numbers log_var;
    ov::Shape shape; // of what was returned last

private:
    ov::Core core_;
    Graph encoder_, decoder_;
};

} // namespace vae
