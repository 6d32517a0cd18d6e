"""The data sets, each split held as one tensor, and folders of pictures as data sets.

Reading order: `datasets` (any of them), `shards` (what each of several processes holds of one),
`known` (MNIST and Fashion-MNIST, by `idx`), `fetched` (KMNIST, EMNIST, CIFAR-10 and SVHN, by
torchvision), `celeba`; of a folder `walk` (what it holds), `layout`
(what its folders mean), `memory` (whether that fits in), `folder` (its pictures, read, by
`parallel`), `split`, `fingerprint` (whether it has changed since a model was trained on it).
`emoji` makes such a folder.
"""
