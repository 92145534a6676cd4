// Pushes what waits in a folder: `flush FOLDER SERVER`. It prints the number of the server's transaction.

#include <headwater/headwater.hpp>
#include <iostream>

using namespace headwater;

int main(int count, char **arguments) {
  if (count != 3) {
    std::cerr << "usage: flush FOLDER SERVER, as in: flush till-7 http://localhost:8080\n";
    return 2;
  }
  try {
    Headwater peer = Headwater::open(Config(arguments[1]).with_server(arguments[2]));
    peer.start_sync();
    Txn newest = peer.sync().flushed(std::chrono::seconds(30));
    std::cout << newest.value_or(0) << "\n";
  } catch (const Error &error) {
    std::cerr << "flush: " << error.code_name() << ": " << error.what() << "\n";
    return 1;
  }
}
