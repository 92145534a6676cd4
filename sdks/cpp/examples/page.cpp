// The page's write, as a program: `page FOLDER SERVER`.
//
// It needs no server: what it writes is in the folder when it prints the id, and is synced then or by the next program
// that opens the folder. It ends when its input does.

#include <headwater/compat.hpp>
#include <iostream>

using namespace ditto;
using nlohmann::json;

static void write(const std::string &folder, const std::string &server) {
  Ditto ditto = *Ditto::open(
      DittoConfig::default_config().set_database_id("default").set_persistence_directory(folder).set_server_connect(server));
  ditto.start_sync();

  json person = json({{"name", "Susan"}, {"age", 31}});
  DocumentId doc_id = ditto.get_store().collection("people").upsert(person);

  std::cout << doc_id << std::endl;  // "507f191e810c19729de860ea"
  while (std::cin.get() != EOF) continue;
}

int main(int count, char **arguments) {
  if (count != 3) {
    std::cerr << "usage: page FOLDER SERVER, as in: page till-7 http://localhost:8080\n";
    return 2;
  }
  try {
    write(arguments[1], arguments[2]);
  } catch (const DittoError &error) {
    std::cerr << "page: " << error.what() << "\n";
    return 1;
  }
}
