// One request to a server on this machine.
#pragma once

#include <string>

// The body of the answer to a GET.
std::string http_get(const std::string &url, const std::string &path);
