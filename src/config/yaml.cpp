// YAML becomes JSON with places, event by event: no tree of the library's own is built, aliases are
// expanded within a bound, and the entries of one key can be handed out one by one.
#include <algorithm>
#include <istream>
#include <streambuf>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "base/text.hpp"
#include "config/document.hpp"

namespace darn {
namespace {

using Json = nlohmann::json;

// Aliases may grow a document to this many times its nodes, and always by kFreeNodes.
constexpr std::size_t kMaxGrowth = 10;
constexpr std::size_t kFreeNodes = 10'000;

// Leaves the library's parser with an error of ours.
struct Stop {
  Error error;
};

class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // the interface wants it; nothing writes
    setg(begin, begin, begin + text.size());
  }
};

std::string_view without_mark(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  return text.starts_with(kByteOrderMark) ? text.substr(kByteOrderMark.size()) : text;
}

// Turns the library's marks (bytes) into places (characters). Marks mostly come in order, so only
// what lies between two of them is counted.
class PlaceCounter {
 public:
  explicit PlaceCounter(std::string_view text) : text_(text) {}

  Place place(const YAML::Mark& mark) {
    if (mark.is_null() || mark.pos < 0 || mark.column > mark.pos) {
      return {};
    }
    const auto end = std::min(static_cast<std::size_t>(mark.pos), text_.size());
    const auto line_begin = end - std::min(end, static_cast<std::size_t>(mark.column));
    if (line_begin != line_begin_ || end < counted_) {
      line_begin_ = counted_ = line_begin;
      characters_ = 0;
    }
    for (; counted_ < end; ++counted_) {
      characters_ += (static_cast<unsigned char>(text_[counted_]) & 0xC0U) == 0x80U ? 0U : 1U;
    }
    return {static_cast<std::uint32_t>(mark.line) + 1, characters_ + 1, 0, 0};
  }

 private:
  std::string_view text_;
  std::size_t line_begin_ = 0;
  std::size_t counted_ = 0;
  std::uint32_t characters_ = 0;
};

std::size_t count_nodes(const Json& node) {
  std::size_t n = 1;
  if (node.is_structured()) {
    for (const Json& child : node) {
      n += count_nodes(child);
    }
  }
  return n;
}

class Builder final : public YAML::EventHandler {
 public:
  Builder(std::string_view text, const std::string& file, ErrorKind kind, std::string streamed,
          const ConfigDocument::Entry& entry)
      : text_(without_mark(text)),
        counter_(text_),
        kind_(kind),
        streamed_(std::move(streamed)),
        entry_(entry) {
    data_.file = file;
  }

  ConfigDocument::Data take() {
    data_.root = std::move(root_);
    return std::move(data_);
  }
  Location location(const YAML::Mark& mark) {
    const Place at = counter_.place(mark);
    return {data_.file, at.line, at.column};
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) {
      stop(mark, "a second document", "put everything into one, without '---' between");
    }
  }
  void OnDocumentEnd() override { check_closed(); }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (wants_key()) {
      stop(mark, "an empty key", "write a name before the ':'");
    }
    value(mark, anchor, nullptr);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    if (tag != "?" && tag != "!" && !tag.empty() && !tag.starts_with("tag:yaml.org,2002:")) {
      stop(mark, "unknown tag " + quote(tag), "remove it");
    }
    if (tag == "!") {
      last_quoted_ = mark;
    }
    // Escapes can write what the file itself may not hold.
    if (text.find('\0') != std::string::npos || !is_utf8(text)) {
      stop(mark, "a NUL or a broken character", "remove it");
    }
    if (wants_key()) {
      set_key(mark, text);
    } else {
      value(mark, anchor, text);
    }
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto it = anchors_.find(anchor);
    if (it == anchors_.end()) {
      stop(mark, "an alias inside of what it stands for", "repeat the value, or leave it out");
    }
    if (wants_key()) {
      stop(mark, "an alias as a key", "write the key itself");
    }
    grow(mark, it->second.nodes);
    value(mark, 0, it->second.json);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, anchor, Json::array());
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, anchor, Json::object());
  }
  void OnMapEnd() override {
    merge(frames_.back());
    close();
  }

 private:
  // A list or map that is being read.
  struct Frame {
    Json json;
    std::string pointer;
    YAML::Mark mark;
    YAML::anchor_t anchor = 0;
    std::string key;  // in a map: the key whose value comes next
    Place key_place;
    bool has_key = false;
    std::size_t entries = 0;
  };
  struct Anchored {
    Json json;
    std::size_t nodes = 0;
  };

  [[noreturn]] void stop(const YAML::Mark& mark, std::string message, std::string mend) {
    throw Stop{{kind_, std::move(message), std::move(mend), location(mark)}};
  }

  // The library takes the end of the file for the end of a quoted scalar, so that half a file would
  // pass for a whole one. Only the last scalar can be such a one.
  void check_closed() {
    if (last_quoted_.is_null() || static_cast<std::size_t>(last_quoted_.pos) >= text_.size()) {
      return;
    }
    const char quote = text_[static_cast<std::size_t>(last_quoted_.pos)];
    auto at = static_cast<std::size_t>(last_quoted_.pos) + 1;
    const auto is = [&](std::size_t i, char c) { return i < text_.size() && text_[i] == c; };
    while (at < text_.size()) {
      const bool escaped = quote == '"' ? is(at, '\\') : is(at, '\'') && is(at + 1, '\'');
      if (!escaped && is(at, quote)) {
        return;
      }
      at += escaped ? 2U : 1U;
    }
    if (quote == '"' || quote == '\'') {
      stop(last_quoted_, "a quote that is never closed", "close it");
    }
  }

  bool wants_key() const {
    return !frames_.empty() && frames_.back().json.is_object() && !frames_.back().has_key;
  }

  void set_key(const YAML::Mark& mark, const std::string& key) {
    Frame& frame = frames_.back();
    if (frame.json.contains(key)) {
      stop(mark, "duplicate key " + quote(key), "keep one of the two");
    }
    frame.key = key;
    frame.key_place = counter_.place(mark);
    frame.has_key = true;
  }

  // Is a frame at this depth the list or map whose entries are handed out?
  bool streams_from(std::size_t depth) const {
    return depth == 2 && !streamed_.empty() && frames_[0].has_key && frames_[0].key == streamed_;
  }

  std::string next_pointer() const {
    if (frames_.empty() || streams_from(frames_.size())) {
      return {};  // an entry that is handed out is a root
    }
    const Frame& frame = frames_.back();
    return child_pointer(frame.pointer,
                         frame.json.is_object() ? frame.key : std::to_string(frame.entries));
  }

  void note_place(const YAML::Mark& mark, const std::string& pointer) {
    Place place = counter_.place(mark);
    if (!frames_.empty() && frames_.back().json.is_object()) {
      place.key_line = frames_.back().key_place.line;
      place.key_column = frames_.back().key_place.column;
    }
    places()[pointer] = place;
  }

  std::map<std::string, Place>& places() {
    const bool inside = frames_.size() >= 2 && streams_from(2);
    return inside ? entry_places_ : data_.places;
  }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, Json empty) {
    if (frames_.size() >= kMaxDepth) {
      stop(mark, "nested too deeply", "keep it below 64 levels");
    }
    if (wants_key()) {
      stop(mark, "a list or map as a key", "write a name before the ':'");
    }
    ++nodes_;
    Frame frame;
    frame.json = std::move(empty);
    frame.pointer = next_pointer();
    frame.mark = mark;
    frame.anchor = anchor;
    note_place(mark, frame.pointer);
    frames_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    add(frame.mark, frame.anchor, std::move(frame.json));
  }

  void value(const YAML::Mark& mark, YAML::anchor_t anchor, Json json) {
    ++nodes_;
    note_place(mark, next_pointer());
    add(mark, anchor, std::move(json));
  }

  void add(const YAML::Mark& mark, YAML::anchor_t anchor, Json json) {
    if (anchor != 0) {
      const std::size_t nodes = count_nodes(json);
      grow(mark, nodes);
      anchors_[anchor] = {json, nodes};
    }
    if (frames_.empty()) {
      root_ = std::move(json);
      return;
    }
    Frame& frame = frames_.back();
    if (streams_from(frames_.size())) {
      hand_out(std::move(json), frame.json.is_object() ? frame.key : std::string{});
    } else if (frame.json.is_object()) {
      frame.json[frame.key] = std::move(json);
    } else {
      frame.json.push_back(std::move(json));
    }
    frame.has_key = false;
    ++frame.entries;
  }

  void hand_out(Json json, const std::string& key) {
    ConfigDocument::Data entry{std::move(json), data_.file, std::move(entry_places_)};
    entry_places_.clear();
    if (auto status = entry_(ConfigDocument::Data::wrap(std::move(entry)), key); !status) {
      throw Stop{std::move(status.error())};
    }
  }

  // `<<: *base`, also with a list of them: what the map does not say itself.
  void merge(Frame& frame) {
    const auto it = frame.json.find("<<");
    if (it == frame.json.end()) {
      return;
    }
    const Json merged = std::move(*it);
    frame.json.erase(it);
    for (const Json& base : merged.is_array() ? merged : Json::array({merged})) {
      if (!base.is_object()) {
        stop(frame.mark, "'<<' stands before something that is no map", "give it a map's alias");
      }
      for (const auto& [key, inherited] : base.items()) {
        if (!frame.json.contains(key)) {
          frame.json[key] = inherited;
        }
      }
    }
  }

  void grow(const YAML::Mark& mark, std::size_t nodes) {
    grown_ += nodes;
    if (grown_ > kFreeNodes + kMaxGrowth * nodes_) {
      stop(mark, "aliases that multiply the document", "write fewer of them");
    }
  }

  std::string_view text_;  // without a byte order mark, as the library's marks count it
  PlaceCounter counter_;
  YAML::Mark last_quoted_ = YAML::Mark::null_mark();
  ErrorKind kind_;
  std::string streamed_;
  const ConfigDocument::Entry& entry_;
  ConfigDocument::Data data_;
  Json root_ = nullptr;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::map<std::string, Place> entry_places_;
  std::size_t nodes_ = 0;  // as written
  std::size_t grown_ = 0;  // copied for anchors and aliases
  int documents_ = 0;
};

}  // namespace

Result<ConfigDocument> ConfigDocument::from_yaml(std::string_view text, const std::string& file,
                                                 ErrorKind kind, const std::string& streamed,
                                                 const Entry& entry) {
  Builder builder(text, file, kind, streamed, entry);
  ViewBuffer buffer(text);
  std::istream in(&buffer);
  try {
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    return fail(kind, "YAML: " + one_line(error.msg), "", builder.location(error.mark));
  } catch (Stop& stop) {
    return tl::unexpected<Error>(std::move(stop.error));
  }
  return Data::wrap(builder.take());
}

}  // namespace darn
