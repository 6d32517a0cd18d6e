// vae.hpp for the tests: functions of C on buffers of float32 numbers.

#include "../../../demo/embed/cpp/vae.hpp"

extern "C" {

vae::Autoencoder *load(const char *folder) { return new vae::Autoencoder(folder); }

void unload(vae::Autoencoder *model) { delete model; }

void encode(vae::Autoencoder *model, const float *x, int count, float *mu, float *log_var) {
    const vae::Numbers codes = model->encode({x, x + count * shape_size(model->image_shape())});
    std::copy(codes.begin(), codes.end(), mu);
    std::copy(model->log_var.begin(), model->log_var.end(), log_var);
}

void decode(vae::Autoencoder *model, const float *z, int count, float *x_recon) {
    const vae::Numbers pictures = model->decode({z, z + count * model->latent_dim()});
    std::copy(pictures.begin(), pictures.end(), x_recon);
}

void reconstruct(vae::Autoencoder *model, const float *x, int count, float *x_recon) {
    const vae::Numbers pictures =
        model->reconstruct({x, x + count * shape_size(model->image_shape())});
    std::copy(pictures.begin(), pictures.end(), x_recon);
}
}
