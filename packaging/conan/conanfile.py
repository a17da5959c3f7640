"""The library as a Conan 2 package: `conan create packaging/conan -s compiler.cppstd=20
--build=missing` in a checkout."""

import os

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, rmdir


class Darn(ConanFile):
    name = "darn"
    version = "0.1.0"
    description = "Retries, circuit breakers, limits and fallbacks for C++20"
    license = "Apache-2.0"
    topics = ("retry", "circuit-breaker", "resilience", "rate-limiter", "backoff")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False]}
    default_options = {"shared": False, "fPIC": True}
    implements = ["auto_shared_fpic"]

    def export_sources(self):
        root = os.path.normpath(os.path.join(self.recipe_folder, "..", ".."))
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/darn/*", "src/resilience/*"):
            copy(self, pattern, root, self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def validate(self):
        check_min_cppstd(self, 20)

    def requirements(self):
        # For programs below C++23; a header, and part of ours.
        self.requires("tl-expected/[>=1.0 <2]", transitive_headers=True)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["DARN_LIBRARY_ONLY"] = True
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        rmdir(self, os.path.join(self.package_folder, "lib", "cmake"))  # CMakeDeps writes its own
        rmdir(self, os.path.join(self.package_folder, "share"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "darn")
        self.cpp_info.set_property("cmake_target_name", "darn::resilience")
        self.cpp_info.libs = ["darn_resilience"]
        self.cpp_info.requires = ["tl-expected::tl-expected"]
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread"]
