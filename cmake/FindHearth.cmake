# find_package(Hearth) inside of Hearth's own build (HEARTH_EXTRA_PLUGINS): everything that it brings is there already.
set(Hearth_FOUND TRUE)
