// Runs the tests.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string_view>

#include "test.hpp"

static std::vector<Test> &tests() {
  static std::vector<Test> all;
  return all;
}

Test::Test(const char *name, void (*run)()) : name(name), run(run) { tests().push_back(*this); }

void check(bool holds, const char *what, const char *file, int line) {
  if (!holds) throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

void check_error(headwater::Code code, const std::function<void()> &doing, const char *what, const char *file,
                 int line) {
  try {
    doing();
  } catch (const headwater::Error &error) {
    std::string said = std::string(what) + ": " + error.code_name() + ": " + error.what();
    return check(error.code() == code && *error.what() != '\0', said.c_str(), file, line);
  }
  check(false, (std::string(what) + " is done").c_str(), file, line);
}

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "headwater-cpp-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder");
  path = name;
}

Folder::~Folder() { std::filesystem::remove_all(path); }

static std::map<std::string, Deed> &verbs() {
  static std::map<std::string, Deed> all;
  return all;
}

Verb::Verb(const char *name, Deed deed) { verbs().emplace(name, deed); }

static int run_tests(std::string_view named) {
  size_t passed = 0, failed = 0;
  for (const Test &test : tests()) {
    if (std::string_view(test.name).find(named) == std::string_view::npos) continue;
    try {
      test.run();
      ++passed;
    } catch (const std::exception &error) {
      ++failed;
      std::printf("FAILED tests: %s: %s\n", test.name, error.what());
    }
    std::fflush(stdout);
  }
  std::printf("%zu passed, %zu failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

// `driver [NAME]`: the tests with this in their names. `driver --VERB ARGUMENT [OTHER]`: what a file here has a Verb for.
int main(int count, char **arguments) {
  std::string first = count > 1 ? arguments[1] : "";
  auto verb = verbs().find(first);
  if (verb == verbs().end()) return run_tests(first);
  return verb->second(count > 2 ? arguments[2] : "", count > 3 ? arguments[3] : "");
}
