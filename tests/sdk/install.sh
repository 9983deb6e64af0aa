# SPDX-License-Identifier: Apache-2.0
# For tests of the SDK: installs the build into $dir/prefix, where find_package(Hearth) and pkg-config find it.
#   . tests/sdk/install.sh        sets dir, prefix, PKG_CONFIG_PATH, and HEARTH_BUILD for tests/integration/hearth.py
#   build_plugin FOLDER           builds it out of tree and installs it into the prefix
dir=$(mktemp -d)
prefix=$dir/prefix
cmake --install "$(readlink -f "${HEARTH_BUILD:-build/release}")" --prefix "$prefix" >/dev/null
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name hearth.pc)")
HEARTH_BUILD=$prefix
PYTHONPATH=tests/integration
export PKG_CONFIG_PATH HEARTH_BUILD PYTHONPATH

build_plugin() {
	local work=$dir/build-$(basename "$1")
	cmake -S "$1" -B "$work" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_C_COMPILER_LAUNCHER= \
		-DCMAKE_C_FLAGS="-Wall -Wextra -Werror -Wno-missing-field-initializers" >"$work.log" 2>&1 &&
		cmake --build "$work" >>"$work.log" 2>&1 && cmake --install "$work" >>"$work.log" 2>&1 || { cat "$work.log"; return 1; }
}
