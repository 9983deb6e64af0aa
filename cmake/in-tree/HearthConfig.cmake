# What find_package(Hearth) finds inside this tree: everything is here already (HEARTH_EXTRA_PLUGINS).
