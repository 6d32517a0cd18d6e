// Decodes a point of the latent space, or reconstructs a picture, with a model of vae-onnx.

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "vae.hpp"

using vae::Numbers;

const char *const USAGE = R"(usage: vae decode MODEL OUT.pgm Z...
       vae reconstruct MODEL IN.pgm OUT.pgm

MODEL is a folder with encoder.onnx and decoder.onnx, Z as many numbers as the latent space has
dimensions. Pictures are binary PGM, or PPM for a model of colours, of the model's size; for the
bundled models light ink on dark paper.
)";

struct Kind { // of file, by the channels of a picture
    const char *magic, *name;
};

Kind kind_of(long channels) {
    if (channels == 1)
        return {"P5", "PGM (P5)"};
    if (channels == 3)
        return {"P6", "PPM (P6)"};
    throw std::runtime_error("the model's pictures have " + std::to_string(channels) +
                             " channels, the files of this program 1 or 3");
}

std::string pixels(long width, long height) {
    return std::to_string(width) + "x" + std::to_string(height);
}

void check_size(const std::string &path, long width, long height, const vae::Autoencoder &model) {
    const vae::Sizes shape = model.image_shape();
    const bool open = shape[1] == -1 || shape[2] == -1;
    const bool fits =
        (shape[1] == -1 || shape[1] == height) && (shape[2] == -1 || shape[2] == width);
    const long multiple = open ? model.size_multiple() : 1;
    const long right = width % multiple, below = height % multiple;
    if (fits && right == 0 && below == 0 && width > 0 && height > 0)
        return;
    const std::string got = path + " is " + pixels(width, height) + " pixels, the model takes ";
    if (fits && width >= multiple && height >= multiple)
        throw std::runtime_error(got + "multiples of " + std::to_string(multiple) +
                                 ": cut or scale it to " + pixels(width - right, height - below));
    if (open)
        throw std::runtime_error(got + "multiples of " + std::to_string(multiple));
    throw std::runtime_error(got + pixels(shape[2], shape[1]));
}

// Reads a binary PGM or PPM of 8 bits as x, numbers in [0, 1], and its shape as a batch of one.
Numbers read_picture(const std::string &path, const vae::Autoencoder &model, ov::Shape &shape) {
    std::ifstream file(path, std::ios::binary);
    const auto word = [&] { // of the header; comments go from # to the end of the line
        std::string text;
        while (file >> text && text[0] == '#')
            file.ignore(1 << 20, '\n');
        return text;
    };
    const long channels = model.image_shape()[0];
    const Kind kind = kind_of(channels);
    const std::string magic = word(), columns = word(), rows = word(), largest = word();
    if (magic != kind.magic || largest != "255")
        throw std::runtime_error(path + " is missing, or no binary " + kind.name + " of 8 bits");
    const long width = std::atol(columns.c_str()), height = std::atol(rows.c_str());
    check_size(path, width, height, model);
    const auto area = static_cast<std::size_t>(width * height);
    const auto depth = static_cast<std::size_t>(channels);
    std::string bytes(depth * area, '\0');
    file.ignore(1);
    if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
        throw std::runtime_error(path + " is truncated");
    shape = {1, depth, static_cast<std::size_t>(height), static_cast<std::size_t>(width)};
    Numbers x;
    for (std::size_t channel = 0; channel < depth; ++channel) // a file has them side by side
        for (std::size_t i = 0; i < area; ++i)
            x.push_back(static_cast<unsigned char>(bytes[i * depth + channel]) / 255.0f);
    return x;
}

void write_picture(const std::string &path, const Numbers &x, const ov::Shape &shape) {
    const std::size_t depth = shape[1], area = shape[2] * shape[3];
    std::ofstream file(path, std::ios::binary);
    file << kind_of(static_cast<long>(depth)).magic << "\n"
         << shape[3] << " " << shape[2] << "\n255\n";
    for (std::size_t i = 0; i < area; ++i)
        for (std::size_t channel = 0; channel < depth; ++channel)
            file.put(static_cast<char>(std::lround(255 * x[channel * area + i])));
    if (!file.flush())
        throw std::runtime_error(path + " cannot be written");
}

Numbers parse_code(const std::vector<std::string> &words, const vae::Sizes &latent_shape) {
    long latent_dim = 1;
    for (const long size : latent_shape) {
        if (size == -1)
            throw std::runtime_error("z is a map of any size in this model, which numbers alone do "
                                     "not tell: reconstruct a picture");
        latent_dim *= size;
    }
    if (words.size() != static_cast<std::size_t>(latent_dim))
        throw std::runtime_error("z has " + std::to_string(latent_dim) +
                                 " numbers in this model, got " + std::to_string(words.size()));
    Numbers z;
    for (const std::string &word : words) {
        char *end = nullptr;
        z.push_back(std::strtof(word.c_str(), &end));
        if (word.empty() || *end != '\0' || !std::isfinite(z.back()))
            throw std::runtime_error("z must be finite numbers, got '" + word + "'");
    }
    return z;
}

void run(const std::vector<std::string> &words) {
    vae::Autoencoder model(words[1]);
    kind_of(model.image_shape()[0]); // before any work
    if (words[0] == "decode") {
        const std::vector<std::string> code(words.begin() + 3, words.end());
        const Numbers x_recon = model.decode(parse_code(code, model.latent_shape()));
        write_picture(words[2], x_recon, model.shape);
    } else {
        ov::Shape shape;
        const Numbers x = read_picture(words[2], model, shape);
        const Numbers z = model.encode(x, shape);
        for (const float number : z)
            std::cout << number << "\n";
        const Numbers x_recon = model.decode(z, ov::Shape(model.shape));
        write_picture(words[3], x_recon, model.shape);
    }
}

int main(int argc, char **argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    const bool decode = words.size() >= 4 && words[0] == "decode";
    const bool reconstruct = words.size() == 4 && words[0] == "reconstruct";
    if (!decode && !reconstruct) {
        std::cerr << USAGE;
        return 2;
    }
    try {
        run(words);
    } catch (const std::exception &error) {
        std::cerr << "error: " << error.what() << "\n";
        return 1;
    }
    return 0;
}
