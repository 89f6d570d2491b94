# How a layer is filled; the layers' own Makefiles, which `sam build` calls, include this.
#
# LAYER_TARGET=aws (the default) takes the wheels that Lambda runs, arm64 and Python 3.13, whatever machine
# builds; LAYER_TARGET=host takes this machine's, for the local stack. Give each its own build folder.

LAYER_TARGET ?= aws
PYTHON ?= python3
SITE = $(ARTIFACTS_DIR)/python
PIP_INSTALL = $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile
WHEELS_aws = --platform manylinux2014_aarch64 --platform manylinux_2_17_aarch64 --platform manylinux_2_28_aarch64 \
	--python-version 3.13 --implementation cp --only-binary=:all:
WHEELS_host =

# Lambda cannot keep the byte code it compiles, so every cold start would compile anew: ship it. It fits only
# the version of Python that wrote it. Unchecked, because unpacking a layer changes the dates to check by.
COMPILER_aws = python3.13
COMPILER_host = $(PYTHON)
COMPILER ?= $(COMPILER_$(LAYER_TARGET))

define install_requirements
$(PIP_INSTALL) --target "$(SITE)" --requirement requirements.txt $(WHEELS_$(LAYER_TARGET))
rm -rf "$(SITE)/bin"
endef

# Compile the folder $(1).
define compile_to_byte_code
@$(COMPILER) -c 'import sys; sys.exit("$(LAYER_TARGET)" == "aws" and sys.version_info[:2] != (3, 13))' 2>/dev/null || { \
	echo "$(COMPILER) is not Python 3.13, which compiles the code for Lambda. Install it, set COMPILER to its path, \
or run sam build --use-container." >&2; exit 1; }
$(COMPILER) -m compileall -q -j 0 --invalidation-mode unchecked-hash "$(1)"
endef
