// A peer for a test.
#pragma once

#include <headwater/headwater.hpp>

#include "test.hpp"

// A peer in a folder of its own.
struct Opened {
  Folder folder;
  headwater::Headwater peer = headwater::Headwater::open(headwater::Config(folder.path));
  headwater::Store store = peer.store();
};
