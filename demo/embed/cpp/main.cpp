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
dimensions. Pictures are binary PGM, light ink on dark paper, of the model's size.
)";

// Reads a binary PGM of 8 bits as x: numbers in [0, 1].
Numbers read_pgm(const std::string &path, std::size_t height, std::size_t width) {
    std::ifstream file(path, std::ios::binary);
    const auto word = [&] { // of the header; comments go from # to the end of the line
        std::string text;
        while (file >> text && text[0] == '#')
            file.ignore(1 << 20, '\n');
        return text;
    };
    const std::string magic = word(), columns = word(), rows = word(), largest = word();
    if (magic != "P5" || largest != "255")
        throw std::runtime_error(path + " is missing, or no binary PGM (P5) of 8 bits");
    if (rows != std::to_string(height) || columns != std::to_string(width))
        throw std::runtime_error(path + " is " + columns + "x" + rows +
                                 " pixels, the model takes " + std::to_string(width) + "x" +
                                 std::to_string(height));
    std::string bytes(height * width, '\0');
    file.ignore(1);
    if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
        throw std::runtime_error(path + " is truncated");
    Numbers x;
    for (const char byte : bytes)
        x.push_back(static_cast<unsigned char>(byte) / 255.0f);
    return x;
}

void write_pgm(const std::string &path, const Numbers &x, std::size_t height, std::size_t width) {
    std::ofstream file(path, std::ios::binary);
    file << "P5\n" << width << " " << height << "\n255\n";
    for (const float pixel : x)
        file.put(static_cast<char>(std::lround(255 * pixel)));
    if (!file.flush())
        throw std::runtime_error(path + " cannot be written");
}

Numbers parse_code(const std::vector<std::string> &words, std::size_t latent_dim) {
    if (words.size() != latent_dim)
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
    const ov::Shape shape = model.image_shape();
    if (shape[0] != 1)
        throw std::runtime_error("the model is of colour pictures, this program is for grey ones");
    if (words[0] == "decode") {
        const std::vector<std::string> code(words.begin() + 3, words.end());
        write_pgm(words[2], model.decode(parse_code(code, model.latent_dim())), shape[1], shape[2]);
    } else {
        const Numbers z = model.encode(read_pgm(words[2], shape[1], shape[2]));
        for (const float number : z)
            std::cout << number << "\n";
        write_pgm(words[3], model.decode(z), shape[1], shape[2]);
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
