// vae.hpp for the tests: functions of C on buffers of float32 numbers. The sizes are those of the
// batch, one for each dimension.

#include "../../../demo/embed/cpp/vae.hpp"

namespace {

ov::Shape shape_of(const long *sizes, const vae::Sizes &row) {
    return ov::Shape(sizes, sizes + row.size() + 1);
}

// Where sizes are fixed they follow from the numbers.
ov::Shape told(const ov::Shape &shape, const vae::Sizes &row) {
    return std::count(row.begin(), row.end(), -1) ? shape : ov::Shape{};
}

vae::Numbers numbers(const float *values, const ov::Shape &shape) {
    return {values, values + ov::shape_size(shape)};
}

} // namespace

extern "C" {

vae::Autoencoder *load(const char *folder) { return new vae::Autoencoder(folder); }

void unload(vae::Autoencoder *model) { delete model; }

void encode(vae::Autoencoder *model, const float *x, const long *sizes, float *mu, float *log_var) {
    const ov::Shape shape = shape_of(sizes, model->image_shape());
    const vae::Numbers codes = model->encode(numbers(x, shape), told(shape, model->image_shape()));
    std::copy(codes.begin(), codes.end(), mu);
    std::copy(model->log_var.begin(), model->log_var.end(), log_var);
}

void decode(vae::Autoencoder *model, const float *z, const long *sizes, float *x_recon) {
    const ov::Shape shape = shape_of(sizes, model->latent_shape());
    const vae::Numbers made = model->decode(numbers(z, shape), told(shape, model->latent_shape()));
    std::copy(made.begin(), made.end(), x_recon);
}

void reconstruct(vae::Autoencoder *model, const float *x, const long *sizes, float *x_recon) {
    const ov::Shape shape = shape_of(sizes, model->image_shape());
    const vae::Numbers made =
        model->reconstruct(numbers(x, shape), told(shape, model->image_shape()));
    std::copy(made.begin(), made.end(), x_recon);
}
}
