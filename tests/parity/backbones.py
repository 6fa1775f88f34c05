# SPDX-License-Identifier: Apache-2.0
"""Backbones of torchvision, EfficientNet-Lite0 of PyPI's efficientnet-lite-pytorch, and ZF of torch's modules, for
backbones_parity_test.cpp.

    backbones.py compute NAME HEIGHT WIDTH OUT.pth   what it computes with weights that both sides make by one formula
    backbones.py load NAME OURS.pth IN.pth OUT.pth   strictly loads a file of ours, and computes
"""
import sys

import torch


class ResponseNorm(torch.nn.Module):
    """Caffe's LRN layer with WITHIN_CHANNEL, of side 3."""
    def forward(self, x):
        sums = torch.nn.functional.unfold(x.flatten(0, 1).unsqueeze(1) ** 2, 3, padding=1).sum(1).view(x.shape)
        return x / (1 + 5e-5 / 9 * sums) ** 0.75


class Zf(torch.nn.Module):
    def __init__(self):
        super().__init__()
        layers, before = [], 3
        for out, side, stride in ((96, 7, 2), (256, 5, 2), (384, 3, 1), (384, 3, 1), (256, 3, 1)):
            layers += [torch.nn.Conv2d(before, out, side, stride, side // 2), torch.nn.ReLU()]
            if stride == 2:
                layers += [ResponseNorm(), torch.nn.MaxPool2d(3, 2, 1)]
            before = out
        self.features = torch.nn.Sequential(*layers, torch.nn.MaxPool2d(3, 2))
        self.avgpool = torch.nn.AdaptiveAvgPool2d(6)
        self.classifier = torch.nn.Sequential(
            torch.nn.Linear(256 * 36, 4096), torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(4096, 4096),
            torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(4096, 1000))

    def forward(self, images):
        return self.classifier(self.avgpool(self.features(images)).flatten(1))


def model_of(name):
    if name == "efficientnet_lite0":
        from efficientnet_lite_pytorch import EfficientNet
        model = EfficientNet.from_name("efficientnet-lite0")
        model._global_params = model._global_params._replace(drop_connect_rate=0)
        model._dropout.p = 0
    elif name == "zf":
        model = Zf()
    else:
        import torchvision
        model = getattr(torchvision.models, name)()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0
    return model


def formula(shape, number):
    """Numbers in [-1,1) that a hash draws, exactly the same on both sides."""
    count = 1
    for side in shape:
        count *= side
    period = 1048583  # a prime, beyond which they come again
    x = torch.arange(min(count, period)) + number * 7919
    for factor in (0x2545F491, 0x1B873593):
        x = (x * factor) % 2**30
        x = x ^ (x >> 14)
    return (x.double() / 2**29 - 1).repeat((count + period - 1) // period)[:count].view(shape)


def fill(model):
    with torch.no_grad():
        for number, (name, tensor) in enumerate(model.state_dict().items()):
            if name.endswith("num_batches_tracked"):
                continue
            values = formula(tensor.shape, number)
            if tensor.dim() > 1:
                fan_in = tensor[0].numel()
                values = values * 2 * fan_in ** -0.5
            elif name.endswith("running_var"):
                values = 1 + 0.5 * values
            elif name.endswith("weight"):
                values = 1 + 0.3 * values
            else:
                values = 0.1 * values
            tensor.copy_(values)


def images_of(height, width):
    return 0.5 + 0.5 * formula((2, 3, height, width), 1)


def normalised(name, images):
    if name == "efficientnet_lite0":
        return (images * 255 - 127) / 128
    mean = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64).to(images.dtype).view(1, 3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64).to(images.dtype).view(1, 3, 1, 1)
    return (images - mean) / deviation


def modules_of_maps(name, model):
    """The module whose output is each of our maps."""
    if name.startswith("resnet"):
        return {"conv1": model.relu, **{f"layer{i}": getattr(model, f"layer{i}") for i in range(1, 5)}}
    if name.startswith("vgg"):
        found, stage = {}, 1
        for before, module in zip(model.features, list(model.features)[1:]):
            if isinstance(module, torch.nn.MaxPool2d):
                found[f"conv{stage}"], found[f"pool{stage}"] = before, module
                stage += 1
        return found
    if name == "alexnet":
        return {"conv1": model.features[1], "conv2": model.features[4], "conv5": model.features[11], "pool5": model.features[12]}
    if name == "zf":
        return {label: model.features[i] for label, i in
                {"conv1": 1, "pool1": 3, "conv2": 5, "pool2": 7, "conv5": 13}.items()}
    if name == "efficientnet_lite0":
        return {f"blocks.{i}": block for i, block in enumerate(model._blocks)}
    return {f"features.{i}": model.features[i] for i in range(1, len(model.features))}


def compute(name, height, width, out):
    model = model_of(name).double()
    fill(model)
    images = images_of(height, width)
    found, results = {}, {"names": list(model.state_dict())}
    hooks = []
    for label, module in modules_of_maps(name, model).items():
        # The first call counts: torchvision's ResNets use one ReLU for several layers.
        def keep(_module, _inputs, output, label=label):
            found.setdefault(label, output.detach().clone())
        hooks.append(module.register_forward_hook(keep))
    model.eval()
    with torch.no_grad():
        results["evaluation"] = model(normalised(name, images))
        results["maps"] = dict(found)
        model.float()
        found.clear()
        results["evaluation_f32"] = model(normalised(name, images.float()))
        results["maps_f32"] = dict(found)
        model.double()
        fill(model)
    for hook in hooks:
        hook.remove()
    model.train()
    output = model(normalised(name, images))
    results["training"] = output.detach()
    (output * formula(output.shape, 5)).sum().backward()
    gradients = {}
    for number, (key, parameter) in enumerate(model.named_parameters()):
        grad = parameter.grad
        gradients[key] = torch.stack([(grad * formula(grad.shape, number)).sum(), grad.norm(), grad.sum()])
    results["gradients"] = gradients
    results["buffers"] = {key: value.double() for key, value in model.named_buffers()}
    names = results.pop("names")
    torch.save(results, out)
    print("\n".join(names))


def load(name, ours, source, out):
    model = model_of(name)
    model.load_state_dict(torch.load(ours), strict=True)
    model.eval()
    with torch.no_grad():
        torch.save({"output": model(normalised(name, torch.load(source)["input"]))}, out)


if __name__ == "__main__":
    if sys.argv[1] == "compute":
        compute(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    else:
        load(*sys.argv[2:])
