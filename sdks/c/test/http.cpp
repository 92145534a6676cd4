#include "http.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

std::string http_get(const std::string &url, const std::string &path) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(std::stoi(url.substr(url.rfind(':') + 1)));
  int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  if (connect(socket, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0) {
    close(socket);
    throw std::runtime_error("nobody listens at " + url);
  }
  std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", answer;
  send(socket, request.data(), request.size(), MSG_NOSIGNAL);
  char bytes[4096];
  for (ssize_t count; (count = recv(socket, bytes, sizeof bytes, 0)) > 0;) answer.append(bytes, count);
  close(socket);
  size_t body = answer.find("\r\n\r\n");
  return body == std::string::npos ? answer : answer.substr(body + 4);
}
