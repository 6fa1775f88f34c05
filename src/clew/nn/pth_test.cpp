// SPDX-License-Identifier: Apache-2.0
// Files made by Python's torch (tests/parity/make_pth.py) and malicious files made by hand. Tensor
// values are tested in weights_test.cpp.
#include "clew/nn/pth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/nn/pickle.h"
#include "clew/nn/zip.h"
#include "tests/support/expect_error.h"

namespace clew::nn {
namespace pth_test {

using namespace std::string_literals;

std::string fixture(const std::string& name) {
  return read_file(std::filesystem::path(CLEW_PTH_FIXTURES) / name, 1 << 20);
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string refusal(const std::string& bytes, const std::string& part = "") {
  return clew::error_of([&] { parse_pth(bytes_of(bytes), "w.pth", part); });
}

/// A zip form around a pickle, with one storage of 16 bytes named "0".
std::string around(const std::string& pickle) {
  const std::string storage(16, '\1');
  const std::vector<ZipEntry> entries = {{"w/data.pkl", bytes_of(pickle)},
                                         {"w/data/0", bytes_of(storage)}};
  const auto bytes = write_zip(entries);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string text(const std::string& value) {
  return "X"s + static_cast<char>(value.size()) + "\0\0\0"s + value;
}
std::string whole(int value) { return "J"s + std::string(reinterpret_cast<char*>(&value), 4); }

/// ('storage', torch.FloatStorage, '0', 'cpu', elements) as a persistent id.
std::string storage(int elements = 4, const std::string& key = "0") {
  return "(" + text("storage") + "ctorch\nFloatStorage\n" + text(key) + text("cpu") +
         whole(elements) + "tQ";
}
/// A tensor over it.
std::string tensor(int offset, const std::string& shape, const std::string& strides,
                   const std::string& of = storage()) {
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + of + whole(offset) + "(" + shape + "t(" +
         strides + "t\x89}tR";
}
std::string dict_of(const std::string& value) { return "\x80\2}" + text("w") + value + "s."; }

TEST(Pth, NestedDictsAreJoinedAndValuesKept) {
  for (const char* name : {"nested.pth", "nested_legacy.pth"}) {
    const auto bytes = fixture(name);
    const auto file = parse_pth(bytes_of(bytes), name);
    std::vector<std::string> names;
    for (const auto& tensor : file.tensors) names.push_back(tensor.name);
    EXPECT_EQ(names,
              (std::vector<std::string>{
                  "model.0.weight", "model.0.bias", "model.1.weight", "model.1.bias",
                  "model.1.running_mean", "model.1.running_var", "model.1.num_batches_tracked",
                  "optimizer.state.0.momentum_buffer", "optimizer.state.1.momentum_buffer",
                  "optimizer.state.2.momentum_buffer", "optimizer.state.3.momentum_buffer"}))
        << name;
    const auto value = [&](const std::string& wanted) {
      const auto found = std::ranges::find(file.values, wanted, &PthValue::name);
      EXPECT_NE(found, file.values.end()) << wanted;
      return found == file.values.end() ? decltype(found->value)() : found->value;
    };
    EXPECT_EQ(std::get<std::int64_t>(value("epoch")), 3);
    EXPECT_EQ(std::get<std::int64_t>(value("negative")), -5);
    EXPECT_EQ(std::get<double>(value("best")), 0.75);
    EXPECT_EQ(std::get<std::string>(value("name")), "tiny");
    EXPECT_TRUE(std::holds_alternative<std::monostate>(value("note")));
    EXPECT_FALSE(std::get<bool>(value("is_done")));
    EXPECT_EQ(std::get<std::int64_t>(value("sizes.0.1")), 3);
    EXPECT_EQ(std::get<std::int64_t>(value("sizes.1.0")), 4);
    EXPECT_EQ(std::get<std::string>(value("dtype")), "F16");
    EXPECT_EQ(std::get<std::string>(value("device")), "cpu");
    EXPECT_EQ(std::get<std::string>(value("large")), "0x400000000000000000");
    EXPECT_EQ(std::get<double>(value("optimizer.param_groups.0.lr")), 0.25);
  }
}

TEST(Pth, PartPicksADict) {
  const auto bytes = fixture("nested.pth");
  EXPECT_EQ(parse_pth(bytes_of(bytes), "n", "model").tensors.front().name, "0.weight");
  EXPECT_EQ(parse_pth(bytes_of(bytes), "n", "optimizer.state.3").tensors.front().name,
            "momentum_buffer");
  EXPECT_EQ(refusal(bytes, "state_dict"),
            "w.pth: there is no part 'state_dict' in the file; it has 'model', 'optimizer', "
            "'epoch', 'best', 'name', 'note', 'is_done', 'sizes', ...");
  EXPECT_NE(refusal(bytes, "model.0").find("there is no part 'model.0'"), std::string::npos);
  EXPECT_NE(refusal(fixture("lone.pth"), "model").find("it has no dict"), std::string::npos);
}

TEST(Pth, TensorsOutsideADict) {
  const auto lone = fixture("lone.pth"), list = fixture("list.pth");
  EXPECT_EQ(parse_pth(bytes_of(lone), "lone").tensors.at(0).name, "");
  const auto file = parse_pth(bytes_of(list), "list");
  EXPECT_EQ(file.tensors.at(0).name, "0");
  EXPECT_EQ(file.tensors.at(1).name, "1.a");
}

TEST(Pth, NothingIsRun) {
  const struct {
    const char* name;
    const char* wanted;
  } cases[] = {
      {"os_system.pth", "w.pth: data.pkl: asks for 'posix.system' at byte "},
      {"legacy_os_system.pth", "w.pth: asks for 'posix.system' at byte "},
      {"eval.pth", "w.pth: data.pkl: asks for 'builtins.eval' at byte "},
      {"nested_call.pth", "w.pth: data.pkl: asks for '__builtin__.getattr' at byte "},
      {"namespace.pth", "w.pth: data.pkl: asks for 'argparse.Namespace' at byte "},
      {"own_class.pth", "w.pth: data.pkl: asks for 'torch.nn.modules.linear.Linear' at byte "},
      {"torchscript.pt", "w.pth: is a TorchScript module, which holds code; wanted a state dict"},
      {"compressed.pth", "is compressed; only stored entries are read"},
  };
  for (const auto& [name, wanted] : cases)
    EXPECT_NE(refusal(fixture(name)).find(wanted), std::string::npos) << refusal(fixture(name));
  EXPECT_EQ(refusal(around("\x80\2cposix\nsystem\n.")),
            "w.pth: data.pkl: asks for 'posix.system' at byte 2; only tensors, numbers, texts, "
            "dicts, lists and tuples are read, and nothing is ever run; pick a part without it, or "
            "save only "
            "its state_dict in Python");
  EXPECT_NE(refusal(around("\x80\4\x8c\2os\x8c\6system\x93.")).find("asks for 'os.system'"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists("ran.txt"));
}

// Namespace, numpy's numbers and states, paths, a whole module, sparse and complex tensors, a function
// and a key that is an object lie beside the weights.
TEST(Pth, WhatLiesOutsideThePartIsPassedOver) {
  for (const char* name : {"mixed.pth", "mixed_4.pth", "mixed_legacy.pth"}) {
    const auto bytes = fixture(name);
    const auto file = parse_pth(bytes_of(bytes), name, "model");
    ASSERT_EQ(file.tensors.size(), 2U) << name;
    EXPECT_EQ(file.tensors[0].name, "w");
    EXPECT_EQ(file.tensors[1].name, "scale");
    EXPECT_EQ(file.storages[file.tensors[1].storage][0], std::byte{3});
    EXPECT_NE(refusal(bytes).find("asks for 'argparse.Namespace' at byte "), std::string::npos);
    for (const auto& [part, wanted] : {std::pair("args", "argparse.Namespace"),
                                       {"path", "pathlib.PosixPath"},
                                       {"linear", "torch.nn.modules.linear.Linear"},
                                       {"sparse", "torch._utils._rebuild_sparse_tensor"},
                                       {"sum", "_operator.add"},
                                       {"7", "pathlib.PosixPath"}})
      EXPECT_NE(refusal(bytes, part).find(concat("asks for '", wanted, "' at byte ")),
                std::string::npos)
          << refusal(bytes, part);
    EXPECT_EQ(parse_pth(bytes_of(bytes), name, "torch_state").tensors.size(), 1U);
    EXPECT_EQ(parse_pth(bytes_of(bytes), name, "python_state").values.front().name, "0");
  }
  // A call with an opaque argument, items and attributes of an opaque object, named arguments.
  const auto beside = [](const std::string& object) {
    return around("\x80\2}(" + text("m") + "}" + text("a") + "K\1s" + text("x") + object + "u.");
  };
  for (const std::string& object :
       {"ctorch\nSize\ncos\nf\n\x85R"s, "cos\nf\n)\x81}b"s, "cos\nf\n)\x81(K\1K\2u"s,
        "cos\nf\n)\x81(K\1e"s, "cos\nf\n)}\x92"s, "cos\nf\ncos\ng\nR"s,
        "(" + text("storage") + "cos\nf\n" + text("0") + text("cpu") + "K\1tQ"}) {
    EXPECT_EQ(parse_pth(bytes_of(beside(object)), "w.pth", "m").values.size(), 1U);
    EXPECT_NE(refusal(beside(object)).find("asks for 'os.f' at byte "), std::string::npos);
  }
  EXPECT_NE(
      refusal(beside("ctorch\nSize\n)}\x92"), "m").find("makes a class or function with named"),
      std::string::npos);
}

TEST(Pth, AttributesOfTensorsAreIgnored) {
  const auto bytes = fixture("attributes.pth");
  const auto file = parse_pth(bytes_of(bytes), "attributes.pth");
  ASSERT_EQ(file.tensors.size(), 3U);
  EXPECT_TRUE(file.values.empty());
  EXPECT_EQ(file.tensors[0].shape, (std::vector<std::int64_t>{2}));
  EXPECT_EQ(std::memcmp(file.storages[0].data(), std::vector<float>{1, 2}.data(), 8), 0);
  EXPECT_EQ(file.tensors[1].shape, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(file.tensors[1].dtype, "I64");
  EXPECT_EQ(file.tensors[2].name, "parameter");
  // Of a type that we do not know, and of a constructor that is none.
  const auto typed = [](const std::string& constructor, const std::string& type) {
    return refusal(
        around(dict_of("ctorch._tensor\n_rebuild_from_type_v2\n(" + constructor + type + ")}tR")));
  };
  EXPECT_NE(typed("ctorch\nSize\n", "cmine\nTensor\n").find("asks for 'mine.Tensor'"),
            std::string::npos);
  EXPECT_NE(typed("ctorch._tensor\n_rebuild_from_type_v2\n", "ctorch\nTensor\n")
                .find("a tensor's constructor must be plain"),
            std::string::npos);
}

TEST(Pth, EveryBeginningIsRefused) {
  for (const char* name : {"zip.pth", "legacy.pth", "nested_legacy.pth", "new_torch.pth"}) {
    const auto bytes = fixture(name);
    for (std::size_t size = 0; size < bytes.size(); ++size)
      EXPECT_THROW(parse_pth(bytes_of(bytes).first(size), name), Error) << name << " " << size;
  }
}

TEST(Pth, EveryByteChangedIsReadOrRefused) {
  for (const char* name : {"legacy.pth", "nested.pth"}) {
    const auto good = fixture(name);
    int refused = 0;
    for (std::size_t i = 0; i < good.size(); ++i) {
      for (const int change : {0x01, 0x80, 0xff}) {
        auto bytes = good;
        bytes[i] = static_cast<char>(bytes[i] ^ change);
        try {
          parse_pth(bytes_of(bytes), name);
        } catch (const Error&) {
          ++refused;
        }
      }
    }
    EXPECT_GT(refused, static_cast<int>(good.size())) << name;
  }
}

TEST(Pth, HandMadeTensorIsRead) {
  const auto bytes = around(dict_of(tensor(1, whole(3), whole(1))));
  const auto file = parse_pth(bytes_of(bytes), "hand");
  ASSERT_EQ(file.tensors.size(), 1U);
  EXPECT_EQ(file.tensors[0].offset, 1U);
  EXPECT_EQ(file.tensors[0].shape, (std::vector<std::int64_t>{3}));
  EXPECT_EQ(file.storages.at(0).size(), 16U);
}

// Python 2 wrote OrderedDict([['w', tensor]]), and texts as bytes.
TEST(Pth, DictsOfPython2AreRead) {
  const auto bytes = around("\x80\2ccollections\nOrderedDict\n](](U\1w" +
                            tensor(0, whole(4), whole(1)) + "e](U\1xK\5ee\x85R.");
  const auto file = parse_pth(bytes_of(bytes), "hand");
  ASSERT_EQ(file.tensors.size(), 1U);
  EXPECT_EQ(file.tensors[0].name, "w");
  ASSERT_EQ(file.values.size(), 1U);
  EXPECT_EQ(file.values[0].name, "x");
}

TEST(Pth, SaysWhatIsWrong) {
  const std::string deep(200, ']');
  const struct {
    std::string pickle;
    const char* wanted;
  } cases[] = {
      {dict_of(tensor(2, whole(3), whole(1))), "a tensor reaches element 4 of a storage of 4"},
      {dict_of(tensor(0, whole(3), whole(2))), "a tensor reaches element 4 of a storage of 4"},
      {dict_of(tensor(-1, whole(1), whole(1))), "a tensor's offset must not be negative, got -1"},
      {dict_of(tensor(0, whole(-3), whole(1))), "a tensor's shape must not be negative, got -3"},
      {dict_of(tensor(0, whole(2), "")), "a tensor has 1 dimensions and 0 strides"},
      {dict_of(tensor(0, text("x"), whole(1))), "a tensor's shape must be an int, got a str"},
      {dict_of(tensor(0, std::string(17, ')'), whole(1))), "must have at most 16 numbers, got 17"},
      {dict_of(tensor(0, whole(4), whole(1), storage(8))),
       "'w' needs 8 elements of F32 in storage '0', which has 16 bytes"},
      {dict_of(tensor(0, whole(4), whole(1), storage(4, "1"))),
       "'w' needs storage '1', which the file does not have"},
      {dict_of("ctorch\nFloatStorage\n"), "'w' is a class, wanted a tensor or a plain value"},
      {dict_of(storage()), "'w' is a storage, wanted a tensor or a plain value"},
      {dict_of("ctorch\nFloatStorage\n)R"), "'torch.FloatStorage' is called"},
      {dict_of(text("f") + ")R"), "the pickle calls a str"},
      {dict_of("NQ"), "a persistent id must be a tuple of at least five"},
      {"\x80\2})Ns.", "a key of dict '' must be a text or a whole number, got a tuple"},
      {"\x80\2}" + text("w") + "N" + "s" + text("w") + "Ns.", "two entries are named 'w'"},
      {"\x80\2]q\1h\1a.", "nested more than 32 deep"},
      {"\x80\2" + deep + std::string(199, 'a') + ".", "nested more than 32 deep"},
      {"\x80\1.", "the pickle's protocol must be 2 to 5, got 1"},
      {"\x80\2.", "the pickle takes from an empty stack"},
      {"\x80\2(.", "the pickle takes from an empty stack"},
      {"\x80\2t.", "the pickle takes to a mark that is not there"},
      {"\x80\2h\5.", "the pickle repeats a value that it never gave"},
      {"\x80\2ccollections\nOrderedDict\n]]Naa\x85R.",
       "a dict's item must be a key and a value, got a list"},
      {"\x80\2ccollections\nOrderedDict\nNN\x86R.", "a dict is made with 2 arguments"},
      {"\x80\2}Na.", "the pickle adds items to a dict"},
      {"\x80\2}(Nu.", "a dict has a key without a value"},
      {"\x80\2]}b.", "the pickle sets attributes of a list"},
      {"\x80\2i.", "unknown or forbidden pickle opcode 0x69 at byte 2"},
      {"\x80\2X\xff\xff\xff\x7fx.", "the pickle ends in the middle, at byte 9"},
      {"\x80\2cos", "the pickle ends in the middle"},
  };
  for (const auto& [pickle, wanted] : cases)
    EXPECT_NE(refusal(around(pickle)).find(wanted), std::string::npos) << wanted << "\n"
                                                                       << refusal(around(pickle));
  const std::vector<ZipEntry> none = {{"w/version", {}}};
  const auto empty = write_zip(none);
  EXPECT_EQ(refusal({reinterpret_cast<const char*>(empty.data()), empty.size()}),
            "w.pth: the zip archive has no FOLDER/data.pkl, so torch.save did not make it");
  EXPECT_NE(refusal(std::string(257, '\0') + "ustar" + std::string(250, '\0')).find("is a tar"),
            std::string::npos);
  EXPECT_NE(refusal("hello").find("is no .pth file"), std::string::npos);
}

// Ten dicts of ten references to the dict before: ten to the tenth names from 200 bytes.
TEST(Pth, RepeatedReferencesAreNoBomb) {
  std::string pickle = "\x80\2N";
  for (char level = 0; level < 10; ++level) {
    pickle += "q"s + level + "0](";
    for (int i = 0; i < 10; ++i) pickle += "h"s + level;
    pickle += "e";
  }
  EXPECT_NE(refusal(around(pickle + ".")).find("hold more than 500000 items"), std::string::npos);
  // A storage claimed larger than the file is not allocated, and an expanded tensor takes nothing.
  const auto spread =
      around(dict_of(tensor(0, whole(2147483647) + whole(2147483647), whole(0) + whole(0))));
  EXPECT_EQ(parse_pth(bytes_of(spread), "spread").storages.at(0).size(), 16U);
}

// Limits on objects per byte of a file, each separately.
TEST(Pth, APickleMakesOnlySoMuch) {
  const PickleLimits limits = {.values = 100, .tensors = 3, .key_bytes = 10};
  const auto refused = [&](const std::string& pickle, const PickleLimits& of) {
    return clew::error_of([&] { parse_pickle(bytes_of(pickle), 0, "w.pth", of); });
  };
  const auto id = "(" + text("storage") + "ctorch\nFloatStorage\n" + text("0123") + text("cpu") +
                  whole(4) + "tq\1";
  const auto twice = "\x80\2" + id + "Qh\1Q";
  const struct {
    std::string pickle;
    PickleLimits limits;
    const char* wanted;
  } cases[] = {
      {"\x80\4N" + std::string(101, '\x94'), limits,
       "w.pth: the pickle remembers more than 100 values at byte 103"},
      {"\x80\2" + std::string(101, '('), limits,
       "w.pth: the pickle sets more than 100 marks at byte 102"},
      {"\x80\2" + std::string(101, 'N'), limits,
       "w.pth: the pickle stacks more than 100 values at byte 102"},
      {"\x80\2" + std::string(101, ']'), limits,
       "w.pth: the pickle makes more than 100 values at byte 102"},
      {twice + "h\1Q.", limits,
       "w.pth: the keys of the pickle's storages take more than 10 bytes at byte 66"},
      {"\x80\2ca\nb\nca\nb\nca\nb\nca\nb\n", limits,
       "w.pth: the pickle names more than 3 unknown objects at byte 17"},
      {twice + "h\1Qh\1Q.",
       {.tensors = 3},
       "w.pth: the pickle names more than 3 storages at byte 69"},
  };
  for (const auto& [pickle, of, wanted] : cases) EXPECT_EQ(refused(pickle, of), wanted);
  EXPECT_EQ(refused("\x80\4N" + std::string(100, '\x94') + ".", limits), "no error");
  EXPECT_EQ(
      refused("\x80\2N" + std::string(98, '(') + std::string(98, '1') + ".", limits).substr(0, 6),
      "w.pth:");
  EXPECT_EQ(refused(twice + ".", limits), "no error");
  EXPECT_NE(refusal(around("\x80\4N" + std::string(4'000'001, '\x94'))).find("remembers more"),
            std::string::npos);
}

TEST(Pth, WhatAFileSaysStaysOnOneShortLine) {
  const std::string evil = "a\n\x1b[31m\xc2\x9b" + std::string(200, 'x');
  const auto shown = "a\\x0a\\x1b[31m\\xc2\\x9bxxx"s;
  for (const auto& pickle :
       {"\x80\2cos\n" + evil.substr(2) + "\n.", dict_of("cos\x1b\nsystem\x7f\n"),
        "\x80\2}" + text(evil) + "ctorch\nFloatStorage\ns.",
        "\x80\2}" + text(evil) + "Ns" + text(evil) + "Ns.",
        "\x80\2}" + text(evil) + tensor(0, whole(4), whole(1), storage(8)) + "s.",
        "\x80\2}" + text(evil) + tensor(0, whole(4), whole(1), storage(4, evil)) + "s."}) {
    const auto said = refusal(around(pickle));
    EXPECT_NE(said.find("\\x1b"), std::string::npos) << said;
    EXPECT_LT(said.size(), 500U);
    EXPECT_TRUE(std::ranges::none_of(said, [](char c) {
      return (c >= 0 && c < ' ') || c == '\x7f';
    })) << said;
  }
  EXPECT_NE(refusal(around("\x80\2}" + text(evil) + "Ns."), "part").find("it has '" + shown),
            std::string::npos);
}

TEST(Pth, PartsWhoseKeysHoldDots) {
  const auto of = [](const std::string& value) { return concat("}", text("w"), value, "s"); };
  const auto bytes =
      around("\x80\2}" + text("model") + of("K\1") + "s" + text("model.ema") + of("K\2") + "s" +
             text("a") + "}s" + text("a.b") + "}" + text("c.d") + of("K\3") + "ss.");
  const auto value = [&](const std::string& part) {
    return std::get<std::int64_t>(parse_pth(bytes_of(bytes), "w.pth", part).values.at(0).value);
  };
  EXPECT_EQ(value("model"), 1);
  EXPECT_EQ(value("model.ema"), 2);
  EXPECT_EQ(value("a.b.c.d"), 3);
  EXPECT_NE(refusal(bytes, "a.b.c").find("there is no part 'a.b.c'"), std::string::npos);
}

// Of torch.load with weights_only=True, in the bytes of protocols 2 and 4.
TEST(Pth, ValuesThatAreNoTensorsAreRead) {
  for (const char* name : {"plain_values.pth", "plain_values_4.pth"}) {
    const auto bytes = fixture(name);
    const auto file = parse_pth(bytes_of(bytes), name);
    ASSERT_EQ(file.tensors.size(), 2U);
    EXPECT_EQ(file.tensors[0].name, "w");
    EXPECT_EQ(file.tensors[1].name, "last");
    std::vector<std::string> names;
    for (const auto& value : file.values) names.push_back(value.name);
    EXPECT_EQ(names,
              (std::vector<std::string>{"milestones.30", "milestones.60", "seen.0", "fixed.0"}))
        << name;
  }
  // A tensor in a set is no less a tensor.
  const auto set = around(dict_of("\x8f(" + tensor(0, whole(4), whole(1)) + "\x90"));
  EXPECT_EQ(parse_pth(bytes_of(set), "set").tensors.at(0).name, "w.0");
  for (const std::string& pickle :
       {"B\2\0\0\0ab"s, "\x8e\2\0\0\0\0\0\0\0ab"s, "\x96\2\0\0\0\0\0\0\0ab"s, "C\2ab"s})
    EXPECT_EQ(refusal(around(dict_of(pickle))), "no error");
  EXPECT_NE(refusal(around("\x80\2cbuiltins\nset\nN\x85R.")).find("a set's items must be a list"),
            std::string::npos);
}

// As torch 2 saves a tensor whose is_neg() is true; 1.13 drops the sign itself.
TEST(Pth, NegatedTensorsAreRefusedWhereTheyAreWanted) {
  const auto of = [](const std::string& function, const std::string& tail) {
    return refusal(around(dict_of("ctorch._utils\n" + function + "\n(" + storage() + whole(0) +
                                  "(" + whole(4) + "t(" + whole(1) + "t\x89}" + tail + "tR")));
  };
  const auto neg = "}" + text("neg") + "\x88s", not_neg = "}" + text("neg") + "\x89s";
  EXPECT_EQ(
      of("_rebuild_tensor_v2", neg),
      "w.pth: data.pkl: the tensor at byte 130 is kept with 'neg', so its numbers are not those "
      "in the file; save tensor.resolve_neg() in Python");
  EXPECT_NE(of("_rebuild_tensor_v3", "ctorch\nfloat32\n" + neg).find("kept with 'neg'"),
            std::string::npos);
  EXPECT_EQ(refusal(around("\x80\2}(" + text("m") + "}" + text("x") +
                           "ctorch._utils\n_rebuild_tensor_v2\n(" + storage() + whole(0) + "(" +
                           whole(4) + "t(" + whole(1) + "t\x89}" + neg + "tRu."),
                    "m"),
            "no error");
  for (const std::string& tail : {"}"s, "N"s, not_neg}) {
    EXPECT_EQ(of("_rebuild_tensor_v2", tail), "no error");
    EXPECT_EQ(of("_rebuild_tensor_v3", "ctorch\nfloat32\n" + tail), "no error");
  }
}

TEST(Pth, WrittenFilesAreReadAgain) {
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const std::vector<NamedEntry> entries = {
      {"b", {"F32", {2, 3}, std::as_bytes(std::span(values))}},
      {"a", {"I64", {}, std::as_bytes(std::span(values)).first(8)}},
      {"none", {"BOOL", {0, 5}, {}}}};
  const auto bytes = write_pth(entries);
  EXPECT_EQ(write_pth(entries), bytes);
  const auto file = parse_pth(bytes, "written");
  ASSERT_EQ(file.tensors.size(), 3U);
  EXPECT_EQ(file.tensors[0].name, "b");
  EXPECT_EQ(file.tensors[0].strides, (std::vector<std::int64_t>{3, 1}));
  EXPECT_EQ(std::memcmp(file.storages[0].data(), values.data(), 24), 0);
  EXPECT_EQ(file.tensors[1].dtype, "I64");
  EXPECT_EQ(file.tensors[2].shape, (std::vector<std::int64_t>{0, 5}));
  const std::vector<NamedEntry> wrong = {{"b", {"F31", {1}, {}}}};
  EXPECT_THROW(write_pth(wrong), Error);
  const std::vector<NamedEntry> cut = {
      {"b", {"F32", {2, 3}, std::as_bytes(std::span(values)).first(20)}}};
  EXPECT_THROW(write_pth(cut), Error);
}

}  // namespace pth_test
}  // namespace clew::nn
