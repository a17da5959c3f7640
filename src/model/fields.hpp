// How records become JSON text and are read back. Each record is described once, by a
// specialisation of Fields that names its members; writing, reading and the tests' generators all
// walk that description, and a member that is missing from it does not compile. For the .cpp files
// of model/ and its tests. Durations and times are whole milliseconds, enumerations their spelling,
// ordered pairs [key, value]. Reading throws (nlohmann::json::exception, std::invalid_argument) on
// what does not fit.
#pragma once

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/run.hpp"

namespace darn::fields {

using nlohmann::json;

template <class Record>
struct Fields;  // static void visit(auto& io): io("name", &Record::member); for every member

template <class T>
concept Described = requires { sizeof(Fields<T>); };

// --- every member is described
struct Anything {
  template <class T>
  operator T() const;  // never defined
};
template <class Record, class... Members>
consteval std::size_t members() {
  if constexpr (requires { Record{Members{}..., Anything{}}; }) {
    return members<Record, Members..., Anything>();
  } else {
    return sizeof...(Members);
  }
}
struct Counter {
  std::size_t count = 0;
  template <class M>
  constexpr void operator()(const char*, M) {
    ++count;
  }
};
template <class Record>
consteval bool complete() {
  Counter counter;
  Fields<Record>::visit(counter);
  return counter.count == members<Record>();
}

// --- values
template <class T>
struct Codec;

// Written as text at once: as a tree of values first, it would cost several times as much, and a
// million tasks are written when they are planned.
template <class T>
void encode(std::string& out, const T& value) {
  Codec<T>::encode(out, value);
}
// In quotes, escaped; what is not UTF-8 becomes the replacement character.
void encode_text(std::string& out, std::string_view text);
void encode_number(std::string& out, std::int64_t number);
void encode_number(std::string& out, std::uint64_t number);
void encode_number(std::string& out, double number);  // null when it is not finite
// What stands between two elements.
inline void separate(std::string& out, char open) {
  if (out.back() != open) {
    out += ',';
  }
}
template <class T>
void decode(const json& in, T& value) {
  Codec<T>::decode(in, value);
}

template <class E>
std::optional<E> parse_enum(std::string_view text) {
  if constexpr (std::is_same_v<E, WorkspaceMode>) {
    return parse_workspace_mode(text);
  } else if constexpr (std::is_same_v<E, HaltMode>) {
    return parse_halt_mode(text);
  } else {
    return parse_kind<E>(text);
  }
}

// --- records: what differs from `base` is written, what is there is read
template <class Record>
struct Writer {
  std::string& out;
  const Record& record;
  const Record* base;  // nullptr: everything is written
  template <class T>
  void operator()(const char* name, T Record::*member) {
    if (base == nullptr || !(record.*member == base->*member)) {
      separate(out, '{');
      ((out += '"') += name) += "\":";
      encode(out, record.*member);
    }
  }
};
template <class Record>
struct Reader {
  const json& in;
  Record& record;
  template <class T>
  void operator()(const char* name, T Record::*member) {
    if (const auto it = in.find(name); it != in.end()) {
      decode(*it, record.*member);
    }
  }
};

template <class Record>
void write(std::string& out, const Record& record, const Record* base) {
  static_assert(complete<Record>(), "a member is missing from the record's Fields");
  out += '{';
  Writer<Record> writer{out, record, base};
  Fields<Record>::visit(writer);
  out += '}';
}
template <class Record>
void write_sparse(std::string& out, const Record& record) {
  static const Record defaults{};
  write(out, record, &defaults);
}
template <class Record>
void read(const json& in, Record& record) {
  if (!in.is_object()) {
    throw std::invalid_argument("a JSON object was expected");
  }
  Reader<Record> reader{in, record};
  Fields<Record>::visit(reader);
}

template <class T>
struct Codec {  // numbers, bool, text, enumerations, records
  static void encode(std::string& out, const T& value) {
    if constexpr (Described<T>) {
      write_sparse(out, value);
    } else if constexpr (std::is_enum_v<T>) {
      encode_text(out, to_string(value));
    } else if constexpr (std::is_same_v<T, bool>) {
      out += value ? "true" : "false";
    } else if constexpr (std::is_floating_point_v<T>) {
      encode_number(out, double{value});
    } else if constexpr (std::is_integral_v<T>) {
      using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
      encode_number(out, static_cast<Wide>(value));
    } else {
      encode_text(out, value);
    }
  }
  static void decode(const json& in, T& value) {
    if constexpr (Described<T>) {
      read(in, value);
    } else if constexpr (std::is_enum_v<T>) {
      const auto& text = in.get_ref<const std::string&>();
      const auto parsed = parse_enum<T>(text);
      if (!parsed) {
        throw std::invalid_argument("unknown word '" + text + "'");
      }
      value = *parsed;
    } else {
      value = in.get<T>();
    }
  }
};

template <>
struct Codec<Duration> {
  static void encode(std::string& out, const Duration& value) {
    encode_number(out, std::int64_t{value.count()});
  }
  static void decode(const json& in, Duration& value) { value = Duration{in.get<std::int64_t>()}; }
};
template <>
struct Codec<Time> {
  static void encode(std::string& out, const Time& value) { encode_number(out, to_ms(value)); }
  static void decode(const json& in, Time& value) { value = time_from_ms(in.get<std::int64_t>()); }
};

template <class T>
struct Codec<std::optional<T>> {
  static void encode(std::string& out, const std::optional<T>& value) {
    if (value) {
      fields::encode(out, *value);
    } else {
      out += "null";
    }
  }
  static void decode(const json& in, std::optional<T>& value) {
    if (in.is_null()) {
      value.reset();
    } else {
      fields::decode(in, value.emplace());
    }
  }
};

template <class A, class B>
struct Codec<std::pair<A, B>> {
  static void encode(std::string& out, const std::pair<A, B>& value) {
    out += '[';
    fields::encode(out, value.first);
    out += ',';
    fields::encode(out, value.second);
    out += ']';
  }
  static void decode(const json& in, std::pair<A, B>& value) {
    fields::decode(in.at(0), value.first);
    fields::decode(in.at(1), value.second);
  }
};

template <class T>
struct Codec<std::vector<T>> {
  static void encode(std::string& out, const std::vector<T>& values) {
    out += '[';
    for (const T& value : values) {
      separate(out, '[');
      fields::encode(out, value);
    }
    out += ']';
  }
  static void decode(const json& in, std::vector<T>& values) {
    values.clear();
    for (const json& element : in.get_ref<const json::array_t&>()) {
      fields::decode(element, values.emplace_back());
    }
  }
};

// A key of JSON is always text.
inline const std::string& key_text(const std::string& key) { return key; }
inline std::string key_text(int key) { return std::to_string(key); }
template <class Key>
Key key_from(const std::string& text) {
  if constexpr (std::is_same_v<Key, int>) {
    return std::stoi(text);
  } else {
    return text;
  }
}
template <class Key, class T>
struct Codec<std::map<Key, T>> {
  static void encode(std::string& out, const std::map<Key, T>& values) {
    out += '{';
    for (const auto& [key, value] : values) {
      separate(out, '{');
      encode_text(out, key_text(key));
      out += ':';
      fields::encode(out, value);
    }
    out += '}';
  }
  static void decode(const json& in, std::map<Key, T>& values) {
    values.clear();
    for (const auto& [key, element] : in.get_ref<const json::object_t&>()) {
      fields::decode(element, values[key_from<Key>(key)]);
    }
  }
};

}  // namespace darn::fields
