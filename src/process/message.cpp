#include "process/message.hpp"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "process/fd.hpp"

namespace darn {
namespace {

constexpr std::size_t kPacketText = 32UL << 10U;

// The strings of a job one after the other, each with its NUL.
class TextWriter {
 public:
  void add(std::string_view prefix, std::string_view text) {
    sound_ = sound_ && text.find('\0') == std::string_view::npos;
    (text_ += prefix) += text;
    text_ += '\0';
  }
  void add(std::string_view text) { add({}, text); }
  bool sound() const { return sound_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool sound_ = true;
};

void add_env(TextWriter& writer, const EnvVar& var) {
  switch (var.kind) {
    case EnvVar::Kind::set: writer.add("=", var.name + '=' + var.value); break;
    case EnvVar::Kind::unset: writer.add("-", var.name); break;
    case EnvVar::Kind::copy_from: writer.add("<", var.name + '=' + var.value); break;
  }
}

class TextReader {
 public:
  explicit TextReader(std::vector<char>& text) : text_(text) {}
  char* next() {
    char* begin = text_.data() + at_;
    const void* end = at_ < text_.size() ? std::memchr(begin, '\0', text_.size() - at_) : nullptr;
    if (end == nullptr) {
      sound_ = false;
      return nullptr;
    }
    at_ += static_cast<std::size_t>(static_cast<const char*>(end) - begin) + 1;
    return begin;
  }
  void words(std::uint32_t count, std::vector<char*>& into) {
    into.assign(1, nullptr);
    for (std::uint32_t i = 0; i < count && sound_; ++i) {
      into.push_back(next());
    }
    into.push_back(nullptr);
  }
  bool sound() const { return sound_; }

 private:
  std::vector<char>& text_;
  std::size_t at_ = 0;
  bool sound_ = true;
};

bool parse(Message& m) {
  TextReader reader(m.text);
  m.name = reader.next();
  m.cwd = reader.next();
  m.stdin_file = reader.next();
  m.env.clear();
  for (std::uint32_t i = 0; i < m.header.envc && reader.sound(); ++i) {
    m.env.push_back(reader.next());
  }
  reader.words(m.header.argc, m.argv);
  reader.words(m.header.checkc, m.check_argv);
  return reader.sound() && m.header.argc > 0;
}

Result<Fd> memory_file(const std::string& text) {
  Fd file(::memfd_create("darn-job", MFD_CLOEXEC));
  if (!file) {
    return fail_errno("memfd_create");
  }
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(file.get(), text.data() + at, text.size() - at);
    if (n < 0) {
      return fail_errno("write job");
    }
    at += static_cast<std::size_t>(n);
  }
  return file;
}

bool read_memory_file(int fd, std::vector<char>& into) {
  for (std::size_t at = 0; at < into.size();) {
    const ssize_t n = ::pread(fd, into.data() + at, into.size() - at, static_cast<off_t>(at));
    if (n <= 0) {
      return false;
    }
    at += static_cast<std::size_t>(n);
  }
  return true;
}

union Ancillary {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

Status send_packet(int socket, const MessageHeader& header, const std::string& text, int file) {
  std::array<iovec, 2> parts{{{const_cast<MessageHeader*>(&header), sizeof header},
                              {const_cast<char*>(text.data()), text.size()}}};
  msghdr packet{};
  packet.msg_iov = parts.data();
  packet.msg_iovlen = file < 0 ? 2 : 1;
  Ancillary ancillary{};
  if (file >= 0) {
    packet.msg_control = ancillary.bytes.data();
    packet.msg_controllen = ancillary.bytes.size();
    ancillary.header.cmsg_level = SOL_SOCKET;
    ancillary.header.cmsg_type = SCM_RIGHTS;
    ancillary.header.cmsg_len = CMSG_LEN(sizeof file);
    std::memcpy(CMSG_DATA(&ancillary.header), &file, sizeof file);
  }
  while (::sendmsg(socket, &packet, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EPIPE || errno == ECONNRESET || errno == ECONNREFUSED || errno == ENOTCONN) {
      return fail(ErrorKind::unavailable, "a supervisor has gone");
    }
    if (errno != EINTR) {  // its socket is full, memory is short: not for long
      return fail(ErrorKind::try_again,
                  std::string("a supervisor does not take its job: ") + std::strerror(errno));
    }
  }
  return {};
}

}  // namespace

Status send_job(int socket, const Job& job, std::uint32_t record) {
  TextWriter writer;
  writer.add(job.attempt_name);
  writer.add(job.cwd);
  writer.add(job.stdin_file);
  for (const EnvVar& var : job.env) {
    add_env(writer, var);
  }
  for (const auto* words : {&job.argv, &job.check_argv}) {
    for (const std::string& word : *words) {
      writer.add(word);
    }
  }
  if (!writer.sound()) {
    return fail(ErrorKind::bad_input, "a NUL byte in a command or its environment");
  }
  MessageHeader h;
  h.flags = (job.separate_stderr ? MessageHeader::separate_stderr : 0U) |
            (job.linger_leave ? MessageHeader::linger_leave : 0U);
  h.record = record;
  h.argc = static_cast<std::uint32_t>(job.argv.size());
  h.envc = static_cast<std::uint32_t>(job.env.size());
  h.checkc = static_cast<std::uint32_t>(job.check_argv.size());
  h.text_size = writer.text().size();
  h.attempt = job.attempt;
  h.timeout_ms = job.timeout.count();
  h.idle_timeout_ms = job.idle_timeout.count();
  h.deadline_ms = to_ms(job.deadline);
  h.grace_ms = job.grace.count();
  h.check_timeout_ms = job.check_timeout.count();
  h.output_limit = job.output_limit;
  if (writer.text().size() <= kPacketText) {
    return send_packet(socket, h, writer.text(), -1);
  }
  DARN_ASSIGN(const Fd file, memory_file(writer.text()));
  return send_packet(socket, h, writer.text(), file.get());
}

bool send_stop(int socket, AttemptKey attempt, bool now) {
  MessageHeader h;
  h.kind = MessageHeader::stop;
  h.flags = now ? MessageHeader::now : 0U;
  h.attempt = attempt;
  // A shim that has gone has nothing to stop; its end is noticed by wait().
  const Status sent = send_packet(socket, h, {}, -1);
  return sent || sent.error().kind == ErrorKind::unavailable;
}

Received receive(int socket, Message& into) {
  into.text.resize(kPacketText);
  std::array<iovec, 2> parts{
      {{&into.header, sizeof into.header}, {into.text.data(), into.text.size()}}};
  msghdr packet{};
  Ancillary ancillary{};
  packet.msg_iov = parts.data();
  packet.msg_iovlen = parts.size();
  packet.msg_control = ancillary.bytes.data();
  packet.msg_controllen = ancillary.bytes.size();
  const ssize_t n = ::recvmsg(socket, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    return Received::nothing;
  }
  if (n < static_cast<ssize_t>(sizeof into.header)) {
    return Received::closed;
  }
  Fd file;
  if (const cmsghdr* c = CMSG_FIRSTHDR(&packet); c != nullptr && c->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(c), sizeof fd);
    file.reset(fd);
  }
  if (into.header.kind == MessageHeader::stop) {
    return Received::message;
  }
  into.text.resize(into.header.text_size);
  const bool whole = !file || read_memory_file(file.get(), into.text);
  return whole && parse(into) ? Received::message : Received::nothing;
}

}  // namespace darn
