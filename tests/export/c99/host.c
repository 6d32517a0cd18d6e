/* Runs a model's header on files of float32 numbers, for the tests.

   HEADER is its name, PREFIX its prefix and SIZES the same in capitals; VAE is defined for a VAE. As a program:
   host X Z OUT reads images and codes, and writes OUT/mu.f32 and so on. */

#include <stdio.h>
#include <stdlib.h>

#include HEADER

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define FUNCTION(name) JOIN(PREFIX, name)

#ifdef __cplusplus
extern "C" {
#endif
extern const int pixels, latent_dim;
void encode(const float *x, int count, float *mu, float *log_var);
void decode(const float *z, int count, float *x_recon);
void reconstruct(const float *x, int count, float *x_recon);
#ifdef __cplusplus
}
#endif

const int pixels = JOIN(SIZES, _PIXELS), latent_dim = JOIN(SIZES, _LATENT_DIM);

void encode(const float *x, int count, float *mu, float *log_var)
{
    for (int i = 0; i < count; ++i) {
#ifdef VAE
        FUNCTION(_encode)(x + i * pixels, mu + i * latent_dim, log_var + i * latent_dim);
#else
        (void)log_var;
        FUNCTION(_encode)(x + i * pixels, mu + i * latent_dim);
#endif
    }
}

void decode(const float *z, int count, float *x_recon)
{
    for (int i = 0; i < count; ++i)
        FUNCTION(_decode)(z + i * latent_dim, x_recon + i * pixels);
}

void reconstruct(const float *x, int count, float *x_recon)
{
    for (int i = 0; i < count; ++i)
        FUNCTION(_reconstruct)(x + i * pixels, x_recon + i * pixels);
}

#ifdef PROGRAM

static float *buffer(int count)
{
    float *numbers = (float *)malloc((size_t)count * sizeof(float));
    if (!numbers)
        exit(1);
    return numbers;
}

static float *read_rows(const char *path, int row, int *count)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        exit(1);
    *count = (int)(ftell(file) / (long)sizeof(float)) / row;
    rewind(file);
    float *numbers = buffer(*count * row);
    if (fread(numbers, sizeof(float), (size_t)(*count * row), file) != (size_t)(*count * row))
        exit(1);
    fclose(file);
    return numbers;
}

static void write_rows(const char *folder, const char *name, const float *numbers, int count)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.f32", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(numbers, sizeof(float), (size_t)count, file) != (size_t)count)
        exit(1);
    fclose(file);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    int images, codes;
    float *x = read_rows(argv[1], pixels, &images), *z = read_rows(argv[2], latent_dim, &codes);
    float *mu = buffer(images * latent_dim), *log_var = buffer(images * latent_dim);
    float *x_recon = buffer(codes * pixels);

    encode(x, images, mu, log_var);
    write_rows(argv[3], "mu", mu, images * latent_dim);
#ifdef VAE
    write_rows(argv[3], "log_var", log_var, images * latent_dim);
#endif
    decode(z, codes, x_recon);
    write_rows(argv[3], "x_recon", x_recon, codes * pixels);
    reconstruct(x, images, x); /* in place */
    write_rows(argv[3], "reconstruct", x, images * pixels);

    free(x), free(z), free(mu), free(log_var), free(x_recon);
    return 0;
}

#endif
